import { Turns } from '../concurrency/turns';
import type { FollowUp } from '../message/contract';
import type { DeliveryKey } from '../message/delivery';
import type { Reason, Receipt } from '../message/receipt';
import { InMemory } from '../testing/in-memory.fixture';
import { Receipts } from './receipts';

const DAY = 86_400_000;

describe('receipts', () => {
  let at: InMemory;
  let receipts: Receipts;
  let ran: string[];
  let followUp: () => Promise<void>;
  let skipped: string[];
  let marking: Promise<void> | undefined;

  beforeEach(() => {
    at = new InMemory();
    [ran, skipped] = [[], []];
    marking = undefined;
    followUp = async () => undefined;
    const followUps: ConstructorParameters<typeof Receipts>[0]['followUps'] = {
      run: async (_, { messageId }) => {
        ran.push(messageId);
        await followUp();
      },
      done: () => undefined,
      troubleOf: (error) => ({ code: 'FOLLOW_UP_FAILED', error: `FOLLOW_UP_FAILED: ${(error as Error).message}` }),
    };
    const turns = new Turns(at.store, { reserve: () => undefined, wake: () => {} }, 86_400_000, at.clock, at.monitor);
    const marks = {
      skip: ({ messageId }: DeliveryKey) => {
        skipped.push(messageId);
        return marking;
      },
    };
    receipts = new Receipts(
      { ...at, followUps, marks, verdicts: { changed: () => undefined }, turns },
      { service: 'user-service', retentionMs: DAY },
    );
  });

  const sent = async (followUp: FollowUp = 'none'): Promise<DeliveryKey> => {
    const key = await at.pending({ deliveries: [{ consumer: 'order-service', followUp }] });
    await at.store.claim({
      ...{ limit: 1, leaseToken: 'mine', leaseMs: 30_000, except: [], maxFollowUpAttempts: 3 },
      ...{ giveUpAfterMs: DAY, source: 'user-service' },
    });
    return key;
  };
  const apply = async (key: DeliveryKey, more: Partial<Receipt>, returns = 0) => {
    const receipt = { ...key, attempt: 1, recordedAt: '2026-01-01T00:00:00Z', ...more } as Receipt;
    const applied = receipts.apply({ kind: 'receipt', to: 'user-service', receipt }, returns);
    await at.clock.advance(100);
    return applied;
  };
  const why = (code: string): { reason: Reason } => ({ reason: { code } });

  it('close the row with their verdict, and make the mark of its sending needless', async () => {
    const key = await sent();
    expect(await apply(key, { verdict: 'rejected', ...why('OUT_OF_STOCK') })).toEqual({ kind: 'done' });
    expect(await at.row(key)).toMatchObject({ state: 'compensated', reason: { code: 'OUT_OF_STOCK' } });
    expect(skipped).toEqual([key.messageId]);
    expect(ran).toEqual([]);
  });

  it('wait for a mark that is being written: it holds the row, and a batch would pass over it', async () => {
    const key = await sent();
    let written = (): void => {};
    marking = new Promise((resolve) => (written = resolve));
    const applied = apply(key, { verdict: 'accepted' });
    await at.clock.advance(100);
    expect(await at.row(key)).toMatchObject({ state: 'pending' });
    written();
    expect(await applied).toEqual({ kind: 'done' });
    expect(await at.row(key)).toMatchObject({ state: 'completed' });
  });

  it('count once: the next one with the same verdict changes nothing, and is no news', async () => {
    const key = await sent();
    await apply(key, { verdict: 'rejected', ...why('OUT_OF_STOCK') });
    const before = await at.row(key);
    expect(await apply(key, { verdict: 'rejected', ...why('OUT_OF_STOCK') })).toEqual({ kind: 'done' });
    expect(await at.row(key)).toEqual(before);
    expect(at.told('receipt.duplicate')).toHaveLength(1);
  });

  it('that come again look whose turn it is: who applied the first one may have died before he did', async () => {
    const ordered = { ordered: true, key: 'user-1' };
    const [first, second] = [await at.pending(ordered), await at.pending({ ...ordered, waitsItsTurn: true })];
    const accepted = { verdict: 'accepted', reason: undefined, result: undefined, payloadHash: undefined } as const;
    await at.store.closeMany([{ ...first, answer: accepted }]);
    expect(await at.row(second)).toMatchObject({ code: 'WAITS_ITS_TURN' });
    expect(await apply(first, { verdict: 'accepted' })).toEqual({ kind: 'done' });
    expect(await at.row(second)).toMatchObject({ code: undefined });
  });

  it('that contradict the stored verdict are an alarm, and never change it (R6)', async () => {
    const key = await sent();
    await apply(key, { verdict: 'rejected', ...why('OUT_OF_STOCK') });
    await apply(key, { verdict: 'accepted' });
    expect(await at.row(key)).toMatchObject({ state: 'compensated', verdict: 'rejected', code: 'LATE_VERDICT' });
    expect(at.told('receipt.contradiction')).toHaveLength(1);
  });

  it('run the follow-up in the transaction that closes the row (R7)', async () => {
    const key = await sent('rejected');
    await apply(key, { verdict: 'rejected', ...why('OUT_OF_STOCK') });
    expect(ran).toEqual([key.messageId]);
    expect(await at.row(key)).toMatchObject({ state: 'compensated' });
  });

  it('keep the verdict if the follow-up fails: it runs again later', async () => {
    const key = await sent('rejected');
    followUp = () => Promise.reject(new Error('the account is locked'));
    expect(await apply(key, { verdict: 'rejected', ...why('OUT_OF_STOCK') })).toEqual({ kind: 'done' });
    expect(await at.row(key)).toMatchObject({ state: 'answered', verdict: 'rejected', code: 'FOLLOW_UP_FAILED' });
  });

  it('without a verdict put the row off, for the attempt that they answer', async () => {
    const key = await sent();
    await apply(key, { verdict: 'deferred', ...why('FAILED'), attempt: 2 });
    expect(await at.row(key)).toMatchObject({ code: undefined });
    await apply(key, { verdict: 'deferred', ...why('FAILED') });
    expect(await at.row(key)).toMatchObject({ state: 'pending', verdict: undefined, code: 'FAILED' });
  });

  it('that call a message unprocessable park the row for a person', async () => {
    const key = await sent();
    await apply(key, { verdict: 'unprocessable', ...why('INVALID_PAYLOAD') });
    expect(await at.row(key)).toMatchObject({ state: 'parked', code: 'UNPROCESSABLE' });
    expect(at.told('delivery.parked')).toHaveLength(1);
  });

  it('about other content than was recorded change nothing, and are put aside', async () => {
    const key = await sent();
    const payloadHash = '0'.repeat(64);
    expect(await apply(key, { verdict: 'rejected', ...why('NO'), payloadHash })).toMatchObject({ kind: 'quarantine' });
    expect(await at.row(key)).toMatchObject({ state: 'pending', verdict: undefined });
    expect([receipts.refused, at.told('receipt.untrusted').length]).toEqual([1, 1]);
  });

  it('come back while the database is away, however often', async () => {
    const key = await sent();
    at.failure = Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' });
    expect(await apply(key, { verdict: 'rejected', ...why('NO') }, 100)).toMatchObject({
      kind: 'return',
      pauseMs: 1_000,
    });
    expect(receipts.returned).toBe(1);
  });

  it('that fail for another reason come back later each time, and are put aside in the end', async () => {
    const key = await sent();
    at.failure = new Error('a mistake of ours');
    expect(await apply(key, { verdict: 'rejected', ...why('NO') }, 2)).toMatchObject({
      kind: 'return',
      pauseMs: 4_000,
    });
    expect(await apply(key, { verdict: 'rejected', ...why('NO') }, 8)).toMatchObject({ kind: 'quarantine' });
  });
});
