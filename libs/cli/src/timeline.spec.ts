import type { DeliveryHistoryEntry, DeliveryRecord } from '@tallystick/outbox';
import { timeline } from './timeline';

const record: DeliveryRecord = {
  messageId: 'm',
  consumer: 'order-service',
  type: 'order.requested',
  key: undefined,
  state: 'parked',
  attempts: 3,
  followUp: 'none',
  verdict: undefined,
  reason: undefined,
  result: undefined,
  code: 'GAVE_UP',
  lastError: undefined,
  recordedAt: '2026-01-01T10:00:00.123456Z',
  nextAt: undefined,
  deadlineAt: undefined,
  sentAt: undefined,
  settledAt: undefined,
};
const entry = (more: Partial<DeliveryHistoryEntry>): DeliveryHistoryEntry => ({
  consumer: 'order-service',
  what: 'parked',
  number: 1,
  at: '2026-01-01T10:00:01Z',
  since: '2026-01-01T10:00:01Z',
  times: 1,
  ...more,
});

describe('the timeline of a delivery', () => {
  it('tells in order what happened, how often, why, and who did it', () => {
    const failed = { what: 'send-failed', code: 'UNROUTABLE', why: 'UNROUTABLE: no queue' } as const;
    const history = [
      entry({ ...failed, times: 7, at: '2026-01-01T10:30:00.5Z' }),
      entry({ number: 2, code: 'GAVE_UP', why: 'GAVE_UP: UNROUTABLE: no queue', since: '2026-01-01T10:31:00Z' }),
      entry({ number: 3, what: 'retried', by: 'ada', why: 'it is back', since: '2026-01-01T11:00:00Z' }),
    ];
    const [sentAt, settledAt] = ['2026-01-01T11:00:01Z', '2026-01-01T11:00:03Z'];
    const completed: DeliveryRecord = { ...record, state: 'completed', sentAt, settledAt };
    expect(timeline({ record: completed, history, inbox: undefined })).toEqual([
      '2026-01-01T10:00:00Z  recorded',
      '2026-01-01T10:00:01Z  sending failed, 7 times until 2026-01-01T10:30:00Z',
      '                      UNROUTABLE: no queue',
      '2026-01-01T10:31:00Z  parked',
      '                      GAVE_UP: UNROUTABLE: no queue',
      '2026-01-01T11:00:00Z  retried by ada',
      '                      it is back',
      '2026-01-01T11:00:01Z  sent, at try 3; the transport confirmed it',
      '2026-01-01T11:00:03Z  accepted: completed',
    ]);
  });

  it('shows the other half, if somebody looked, or that there is none', () => {
    const row = { messageId: 'm', consumer: 'order-service', source: 'user-service', verdict: 'rejected' };
    const reason = { code: 'OUT_OF_STOCK' };
    const decided = { ...row, reason, result: null, payloadHash: null, receivedAt: '2026-01-01T10:00:02Z' };
    expect(timeline({ record, history: [], inbox: [decided] }).slice(1)).toEqual([
      '2026-01-01T10:00:02Z  order-service decided: rejected',
      '                      {"code":"OUT_OF_STOCK"}',
    ]);
    expect(timeline({ record, history: [], inbox: [] }).slice(1)).toEqual([
      '                      order-service has nothing of it in its inbox',
    ]);
  });

  it('says how much of a long history was not kept, and keeps to 80 columns', () => {
    const why = 'UNPROCESSABLE: '.concat('a long sentence of the consumer '.repeat(8).trim());
    const lines = timeline({ record, history: [entry({}), entry({ number: 40, why })], inbox: undefined });
    expect(lines).toContain('2026-01-01T10:00:01Z  (38 steps before this one were not kept)');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });
});
