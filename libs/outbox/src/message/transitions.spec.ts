import { EVERYBODY } from './delivery';
import { HELD_MS } from './rules';
import {
  cancelled,
  type Change,
  claimed,
  closed,
  closedAnswered,
  deferred,
  type DeliveryRow,
  discarded,
  isHeld,
  keptAnswer,
  lateVerdict,
  mayBeMarked,
  parked,
  retried,
  marked,
  taken,
} from './transitions';

const NOW = 1_800_000_000_000.123;
const LEASE = { leaseToken: 'mine', leaseMs: 30_000, giveUpAfterMs: 86_400_000, maxFollowUpAttempts: 20 };
const CALM = { now: NOW, createdAt: NOW - 1_000, paused: false, outOfTurn: false };
const ACCEPTED = { verdict: 'accepted', reason: undefined, result: { id: 1 }, payloadHash: undefined } as const;
const REJECTED = { verdict: 'rejected', reason: { code: 'NO' }, result: undefined, payloadHash: undefined } as const;

function row(more: Partial<DeliveryRow> = {}): DeliveryRow {
  return {
    ...{ messageId: 'm', consumer: 'order-service', state: 'pending', attempts: 0, followUp: 'none', nextAt: NOW },
    ...{ leaseToken: undefined, deadlineAt: undefined, giveUpAt: undefined, verdict: undefined, reason: undefined },
    ...{ result: undefined, code: undefined, lastError: undefined, cancelReason: undefined, sentAt: undefined },
    ...{ settledAt: undefined, orderKey: undefined, orderNo: undefined, history: [] },
    ...more,
  };
}
const after = (before: DeliveryRow, change: Change): DeliveryRow => ({ ...before, ...change });
const whatHappened = ({ history }: DeliveryRow): string[] => history.map(({ what }) => what);

describe('A claim', () => {
  it('leases the next attempt, whose budget begins with the first one', () => {
    const first = after(row({ code: 'PAUSED' }), claimed(row({ code: 'PAUSED' }), CALM, LEASE).change);
    expect(first).toMatchObject({ attempts: 1, leaseToken: 'mine', nextAt: NOW + 30_000, code: undefined });
    expect(first.giveUpAt).toBe(NOW + LEASE.giveUpAfterMs);
    const second = after(first, claimed(first, { ...CALM, now: NOW + 60_000 }, LEASE).change);
    expect([second.attempts, second.giveUpAt]).toEqual([2, first.giveUpAt]);
  });

  it('begins to ask for give-up at the deadline, and writes that down', () => {
    const late = row({ state: 'sent', attempts: 3, deadlineAt: NOW });
    const { kind, change } = claimed(late, CALM, LEASE);
    expect([kind, change]).toMatchObject(['leased', { state: 'cancelling', attempts: 1 }]);
    expect(whatHappened(after(late, change))).toEqual(['deadline-passed']);
  });

  it('parks what has spent its budget, and holds what is paused, but not past its deadline', () => {
    const spent = claimed(row({ giveUpAt: NOW - 1 }), CALM, LEASE);
    expect(spent).toMatchObject({ kind: 'parked', code: 'GAVE_UP', change: { state: 'parked', lastError: 'GAVE_UP' } });
    const held = claimed(row({ deadlineAt: NOW + 5_000 }), { ...CALM, paused: true }, LEASE);
    expect(held).toMatchObject({ kind: 'held', code: 'PAUSED', change: { nextAt: NOW + 5_000, giveUpAt: undefined } });
    const announcement = row({ consumer: EVERYBODY, deadlineAt: NOW + 5_000 });
    expect(claimed(announcement, { ...CALM, paused: true }, LEASE).change.nextAt).toBe(NOW + HELD_MS);
  });

  it('takes whose turn it is, unless its deadline has passed', () => {
    expect(taken(row({ code: 'WAITS_ITS_TURN' }), LEASE, NOW)).toMatchObject({ attempts: 1, code: undefined });
    expect(taken(row({ deadlineAt: NOW }), LEASE, NOW)).toBeUndefined();
  });

  it('holds nothing that has ended, for whatever it was held before', () => {
    const held = row({ code: 'PAUSED' });
    const ended = after(held, closed(held, ACCEPTED, NOW));
    expect([isHeld(held, 'PAUSED'), ended.code, isHeld(ended, 'PAUSED')]).toEqual([true, 'PAUSED', false]);
  });
});

describe('A mark', () => {
  const leased = row({ attempts: 2, leaseToken: 'mine' });

  it('is of the lease that it names, and of no other', () => {
    expect(marked(leased, 'theirs', { kind: 'sent', waitMs: 1 }, NOW)).toBeUndefined();
    expect(mayBeMarked(leased, 'mine', { kind: 'again', waitMs: 1, error: undefined })).toBe(false);
  });

  it('ends the lease, and notes only what went wrong', () => {
    const sent = after(leased, marked(leased, 'mine', { kind: 'sent', waitMs: 60_000 }, NOW));
    expect(sent).toMatchObject({
      state: 'sent',
      leaseToken: undefined,
      nextAt: NOW + 60_000,
      sentAt: NOW,
      history: [],
    });
    const failure = { kind: 'retry', waitMs: 1, code: 'REFUSED', error: 'REFUSED: full' } as const;
    const failed = after(leased, marked(leased, 'mine', failure, NOW));
    expect(failed).toMatchObject({ state: 'pending', code: 'REFUSED', lastError: 'REFUSED: full' });
    expect(failed.history).toMatchObject([{ what: 'send-failed', attempt: 2, at: NOW, times: 1 }]);
  });

  it('gives an attempt back that was none', () => {
    expect(marked(leased, 'mine', { kind: 'release', waitMs: 0 }, NOW)).toMatchObject({ attempts: 1, nextAt: NOW });
  });
});

describe('An answer', () => {
  it('ends a delivery once', () => {
    const done = after(row(), closed(row(), ACCEPTED, NOW));
    expect(done).toMatchObject({ state: 'completed', result: { id: 1 }, nextAt: undefined, settledAt: NOW });
    expect(closed(done, REJECTED, NOW)).toBeUndefined();
    expect(lateVerdict(done, ACCEPTED, NOW)).toBeUndefined();
    expect(after(done, lateVerdict(done, REJECTED, NOW))).toMatchObject({ verdict: 'accepted', code: 'LATE_VERDICT' });
  });

  it('is kept for later with a budget of its own, and ended by whoever has leased it', () => {
    const later = { waitMs: 1_000, code: 'FOLLOW_UP_FAILED', error: 'no money' };
    const kept = after(row({ attempts: 4, giveUpAt: NOW }), keptAnswer(row(), REJECTED, later, NOW));
    expect(kept).toMatchObject({ state: 'answered', attempts: 0, giveUpAt: undefined, nextAt: NOW + 1_000 });
    const leased = { ...kept, leaseToken: 'mine' };
    expect(closedAnswered(leased, 'theirs', NOW)).toBeUndefined();
    expect(closedAnswered(leased, 'mine', NOW)).toMatchObject({ state: 'compensated', reason: { code: 'NO' } });
  });

  it('that is none is about the attempt that it answers', () => {
    const sent = row({ state: 'sent', attempts: 2 });
    const later = { waitMs: 1, code: 'BUSY', error: 'BUSY: later' };
    expect([deferred(sent, 1, later, NOW), deferred(sent, 2, later, NOW)?.state]).toEqual([undefined, 'pending']);
    const expired = { code: 'EXPIRED', error: 'old' } as const;
    expect([parked(sent, 1, expired, NOW), parked(sent, 'any', expired, NOW)?.code]).toEqual([undefined, 'EXPIRED']);
  });
});

describe('A person', () => {
  it('cancels what has no verdict, with a deadline that is over', () => {
    const asked = after(
      row({ deadlineAt: NOW + 1 }),
      cancelled(row({ deadlineAt: NOW + 1 }), { reason: 'no', by: 'ada' }, NOW),
    );
    expect(asked).toMatchObject({
      state: 'cancelling',
      deadlineAt: NOW,
      cancelReason: 'no',
      lastError: 'CANCEL_REQUESTED: no',
    });
    expect(asked.history).toMatchObject([{ what: 'cancel-requested', by: 'ada', why: 'no' }]);
    expect(cancelled(row({ consumer: EVERYBODY }), { reason: 'no' }, NOW)).toBeUndefined();
  });

  it('opens again what is parked, where it left off', () => {
    const opened = (more: Partial<DeliveryRow>, deadlineMs?: number): unknown =>
      retried(row({ state: 'parked', nextAt: undefined, ...more }), {}, deadlineMs, NOW)?.state;
    expect(opened({})).toBe('pending');
    expect(opened({ verdict: 'rejected' })).toBe('answered');
    expect(opened({ deadlineAt: NOW - 1 })).toBe('cancelling');
    expect(opened({ deadlineAt: NOW - 1 }, 1_000)).toBe('pending');
    expect(retried(row(), {}, undefined, NOW)).toBeUndefined();
  });

  it('discards without force only what can do no harm', () => {
    const stuck = row({ state: 'parked', nextAt: undefined, code: 'UNPROCESSABLE' });
    expect(discarded(stuck, { reason: 'seen' }, false, NOW)).toBeUndefined();
    expect(discarded(stuck, { reason: 'seen' }, true, NOW)).toMatchObject({ state: 'discarded', settledAt: NOW });
    expect(discarded({ ...stuck, code: 'EXPIRED' }, { reason: 'seen' }, false, NOW)?.state).toBe('discarded');
  });
});
