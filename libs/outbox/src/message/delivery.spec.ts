import { doubled, waits } from './backoff';
import {
  type ClaimedDelivery,
  decide,
  decideNoVerdict,
  EVERYBODY,
  expects,
  LISTENERS_HEADER,
  type OpenState,
} from './delivery';

const fixed = { backoff: (attempt: number) => attempt * 10, receipt: (attempt: number) => attempt * 1000 };

function delivery(state: OpenState, over: Partial<ClaimedDelivery> = {}): ClaimedDelivery {
  return {
    messageId: '018f0000-0000-7000-8000-000000000001',
    consumer: 'order-service',
    state,
    attempt: 3,
    leaseToken: 'token',
    deadlineAt: undefined,
    answer: undefined,
    cancelReason: undefined,
    ordered: false,
    message: { id: '', type: 't', source: 's', key: undefined, payload: '{}', headers: {}, recordedAt: '' },
    ...over,
  };
}

describe('decide', () => {
  it('marks a confirmed request as sent, and waits for its receipt', () => {
    expect(decide(delivery('pending'), { kind: 'confirmed' }, fixed)).toEqual({ kind: 'sent', waitMs: 3000 });
    expect(decide(delivery('sent'), { kind: 'confirmed' }, fixed)).toEqual({ kind: 'sent', waitMs: 3000 });
  });

  it('ends a confirmed announcement, for nobody will answer', () => {
    expect(decide(delivery('pending', { consumer: EVERYBODY }), { kind: 'confirmed' }, fixed)).toEqual({
      kind: 'delivered',
    });
  });

  it('keeps a cancel going after its confirm: only a receipt ends it', () => {
    expect(decide(delivery('cancelling'), { kind: 'confirmed' }, fixed)).toEqual({
      kind: 'again',
      waitMs: 30,
      error: undefined,
    });
  });

  it.each(['returned', 'refused', 'unknown'] as const)('tries again after "%s", a cancel too', (kind) => {
    const outcome = kind === 'returned' ? { kind } : { kind, error: 'why' };
    expect(decide(delivery('pending'), outcome, fixed)).toMatchObject({ kind: 'retry', waitMs: 30 });
    expect(decide(delivery('sent'), outcome, fixed)).toMatchObject({ kind: 'retry', waitMs: 30 });
    expect(decide(delivery('cancelling'), outcome, fixed)).toMatchObject({ kind: 'again', waitMs: 30 });
  });

  it('gives the attempt back when nothing was sent', () => {
    expect(decide(delivery('pending'), { kind: 'unavailable' }, fixed)).toEqual({ kind: 'release', waitMs: 0 });
  });

  it('writes nothing when the receipt came with the call: it is applied on its own', () => {
    expect(decide(delivery('pending'), { kind: 'replied' }, fixed)).toBeUndefined();
  });

  it('retries an announcement without listeners, unless they are optional', () => {
    const announcement = delivery('pending', { consumer: EVERYBODY });
    expect(decide(announcement, { kind: 'returned' }, fixed)).toMatchObject({
      kind: 'retry',
      error: expect.stringMatching(/^NOBODY_LISTENS/),
    });
    const optional = {
      ...announcement,
      message: { ...announcement.message, headers: { [LISTENERS_HEADER]: 'optional' } },
    };
    expect(decide(optional, { kind: 'returned' }, fixed)).toEqual({ kind: 'delivered' });
  });
});

describe('expects', () => {
  it('asks for a follow-up only for the verdicts it was declared for', () => {
    expect(expects('both', 'accepted') && expects('both', 'rejected')).toBe(true);
    expect(expects('accepted', 'accepted') && expects('rejected', 'rejected')).toBe(true);
    expect(expects('accepted', 'rejected') || expects('rejected', 'accepted') || expects('none', 'accepted')).toBe(
      false,
    );
  });
});

describe('waits', () => {
  const backoff = { firstMs: 1000, maxMs: 300_000 };

  it('doubles up to its maximum, also at absurd attempts', () => {
    expect([1, 2, 3, 9, 10, 5000].map((attempt) => doubled(backoff, attempt))).toEqual([
      1000, 2000, 4000, 256_000, 300_000, 300_000,
    ]);
  });

  it('jitters a back-off over its whole range, and never below one millisecond', () => {
    expect(waits(backoff, backoff, () => 0).backoff(3)).toBe(1);
    expect(waits(backoff, backoff, () => 0.5).backoff(3)).toBe(2000);
  });

  it('never asks for a receipt before its time', () => {
    const receiptWait = { firstMs: 60_000, maxMs: 3_600_000 };
    expect(waits(backoff, receiptWait, () => 0).receipt(1)).toBe(60_000);
    expect(waits(backoff, receiptWait, () => 0.99).receipt(20)).toBeGreaterThan(3_600_000);
  });
});

describe('decideNoVerdict', () => {
  const receipt = (verdict: 'deferred' | 'unprocessable', attempt: number, code: string) => ({
    ...{ messageId: '018f0000-0000-7000-8000-000000000001', consumer: 'order-service', recordedAt: '' },
    ...{ verdict, attempt, reason: { code, message: 'why' } },
  });

  it('puts an unknown type off, for another process may know it, and then asks a person', () => {
    for (const attempt of [1, 5, 9])
      expect(decideNoVerdict(receipt('unprocessable', attempt, 'UNKNOWN_TYPE'), fixed)).toEqual({
        ...{ kind: 'put-off', waitMs: 10 * attempt, code: 'UNKNOWN_TYPE', error: 'UNKNOWN_TYPE: why' },
      });
    expect(decideNoVerdict(receipt('unprocessable', 10, 'UNKNOWN_TYPE'), fixed)).toMatchObject({
      ...{ kind: 'park', attempt: 10, code: 'UNPROCESSABLE' },
    });
  });

  it.each(['INVALID_PAYLOAD', 'ID_COLLISION', 'CLOCK', 'a code of tomorrow'])('parks at once: %s', (code) => {
    const effect = { kind: 'park', attempt: 1, code: 'UNPROCESSABLE', detail: `${code}: why`, error: `${code}: why` };
    expect(decideNoVerdict(receipt('unprocessable', 1, code), fixed)).toEqual(effect);
  });

  it('parks what is too old whichever attempt it answers', () => {
    expect(decideNoVerdict(receipt('unprocessable', 3, 'EXPIRED'), fixed)).toMatchObject({
      ...{ kind: 'park', attempt: 'any', code: 'EXPIRED' },
    });
  });

  it('waits as long as it is asked to, within bounds', () => {
    const waitOf = (retryAfterMs: number): number =>
      (
        decideNoVerdict({ ...receipt('deferred', 1, 'FAILED'), verdict: 'deferred', retryAfterMs }, fixed) as {
          waitMs: number;
        }
      ).waitMs;
    expect([waitOf(0), waitOf(5_000), waitOf(1e12)]).toEqual([1_000, 5_000, 3_600_000]);
  });
});
