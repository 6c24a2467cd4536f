import { Turns } from '../concurrency/turns';
import { OutboxMessage } from '../message/contract';
import type { ClaimedDelivery, DeliveryKey } from '../message/delivery';
import type { BoundFollowUp, FollowUpContext } from '../ports/handlers';
import { InMemory } from '../testing/in-memory.fixture';
import { FollowUpRunner } from './follow-ups';

@OutboxMessage({ type: 'order.requested', to: 'order-service' })
class OrderRequested {}

const REJECTED = { verdict: 'rejected', reason: { code: 'OUT_OF_STOCK' }, result: undefined } as const;

describe('the follow-up of an answer', () => {
  let at: InMemory;
  let runner: FollowUpRunner;
  let run: (message: object, context: FollowUpContext) => Promise<unknown>;
  let here: boolean;
  let looked: string[];

  beforeEach(() => {
    at = new InMemory();
    looked = [];
    here = true;
    run = async () => undefined;
    const compensate: BoundFollowUp = {
      ...{ type: 'order.requested', contract: OrderRequested, verdict: 'rejected', where: 'Purchases.refund' },
      run: (message, context) => run(message, context),
    };
    const handlers = {
      handler: () => undefined,
      handlers: () => [],
      followUp: () => (here ? compensate : undefined),
      followUps: () => [compensate],
    };
    const turns = new Turns(at.store, { reserve: () => undefined, wake: () => {} }, 86_400_000, at.clock, at.monitor);
    const verdicts = { changed: (messageId: string) => void looked.push(messageId) };
    runner = new FollowUpRunner({ ...at, handlers, verdicts, turns }, { timeoutMs: 1_000, alarmAfter: 3 });
  });

  /** An answer that waits for its follow-up, leased to this process. */
  async function answered(): Promise<ClaimedDelivery> {
    const key = await at.pending({ deliveries: [{ consumer: 'order-service', followUp: 'rejected' }] });
    const later = { waitMs: 0, code: 'FOLLOW_UP_FAILED', error: 'it threw' };
    await at.store.keepAnswer(key, { ...REJECTED, payloadHash: undefined }, later);
    return claimed(key);
  }
  async function claimed({ messageId }: DeliveryKey): Promise<ClaimedDelivery> {
    const { deliveries } = await at.store.claim({
      ...{ limit: 10, leaseToken: 'mine', leaseMs: 30_000, except: [], maxFollowUpAttempts: 9 },
      ...{ giveUpAfterMs: 86_400_000, source: 'user-service' },
    });
    return deliveries.find((each) => each.messageId === messageId)!;
  }

  it('runs once, in the transaction that closes the row, and is told the verdict’s reason', async () => {
    const delivery = await answered();
    const told: unknown[] = [];
    run = async (_, { reason, manager }) => void told.push(reason, at.transactions.current() === manager);

    expect(await runner.finish(delivery)).toBeUndefined();
    expect(told).toEqual([REJECTED.reason, true]);
    expect(await at.row(delivery)).toMatchObject({ state: 'compensated' });
    expect(looked).toEqual([delivery.messageId]);
  });

  it('does not run if somebody else has closed the row', async () => {
    const delivery = await answered();
    const ran = (run = jest.fn(async () => undefined));
    await at.transactions.run((transaction) => at.store.closeAnswered(transaction, delivery, 'mine'));

    expect(await runner.finish(delivery)).toBeUndefined();
    expect(ran).not.toHaveBeenCalled();
  });

  it('that fails leaves the row as it was, and is tried again later', async () => {
    const delivery = await answered();
    run = () => Promise.reject(new Error('the account is locked'));

    expect(await runner.finish(delivery)).toMatchObject({ kind: 'again', waitMs: 1_000, code: 'FOLLOW_UP_FAILED' });
    expect(await at.row(delivery)).toMatchObject({ state: 'answered', verdict: 'rejected' });
    expect(at.told('follow-up.failed')).toMatchObject([{ where: 'Purchases.refund' }]);
  });

  it('that takes too long is a failure', async () => {
    const delivery = await answered();
    run = () => new Promise(() => {});
    const finished = runner.finish(delivery);
    await at.clock.advance(1_000);

    expect(await finished).toMatchObject({ kind: 'again', error: expect.stringContaining('took longer than 1000 ms') });
  });

  it('that this process does not have is left to another: no attempt is counted, and somebody hears in the end (R13)', async () => {
    const delivery = await answered();
    here = false;
    for (let times = 0; times < 3; times++)
      expect(await runner.finish(delivery)).toMatchObject({ kind: 'release', code: 'FOLLOW_UP_MISSING' });

    expect(await at.row(delivery)).toMatchObject({ state: 'answered' });
    expect(at.told('delivery.overdue')).toHaveLength(1);
  });
});
