import 'reflect-metadata';
import type { MessageStatus } from '@tallystick/outbox';
import { timelineOf } from './timeline';

const recorded: MessageStatus['deliveries'][number] = {
  messageId: 'm-1',
  consumer: 'order-service',
  type: 'order.requested',
  key: 'u-1',
  state: 'pending',
  attempts: 1,
  followUp: 'both',
  verdict: undefined,
  reason: undefined,
  result: undefined,
  code: undefined,
  lastError: undefined,
  recordedAt: '2026-11-22T10:00:00.000Z',
  nextAt: '2026-11-22T10:00:30.000Z',
  deadlineAt: '2026-11-22T10:15:00.000Z',
  sentAt: undefined,
  settledAt: undefined,
};

describe('timelineOf', () => {
  it('tells of a fresh message that it was recorded and when it is looked at next', () => {
    expect(timeline(recorded)).toMatchObject({
      state: 'pending',
      nextTryAt: recorded.nextAt,
      events: [{ event: 'recorded', at: recorded.recordedAt }],
    });
  });

  it('tells what went wrong last', () => {
    const lastError = 'UNROUTABLE: no queue is bound';
    expect(timeline({ ...recorded, attempts: 3, lastError })).toMatchObject({ attempts: 3, lastError });
  });

  it('ends with the verdict, its reason, and nothing more to do', () => {
    const [sentAt, settledAt] = ['2026-11-22T10:00:01.000Z', '2026-11-22T10:00:02.000Z'];
    const rejected = { verdict: 'rejected', reason: { code: 'OUT_OF_STOCK' } } as const;
    const final = timeline({ ...recorded, ...rejected, state: 'compensated', nextAt: undefined, sentAt, settledAt });
    expect(final).toMatchObject({ state: 'compensated', verdict: 'rejected', reason: 'OUT_OF_STOCK' });
    expect(final.nextTryAt).toBeUndefined();
    expect(final.events.map(({ event }) => event)).toEqual(['recorded', 'sent', 'settled']);
  });
});

function timeline(delivery: MessageStatus['deliveries'][number]) {
  const { messageId: id, type, recordedAt } = delivery;
  return timelineOf({ id, type, recordedAt, deliveries: [delivery] }).deliveries[0]!;
}
