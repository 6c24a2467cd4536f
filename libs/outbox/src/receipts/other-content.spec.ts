import { IsInt } from 'class-validator';
import { encode, type ReceiptEnvelope } from '../message/envelope';
import { contentHash } from '../message/payload';
import { OutboxMessage } from '../message/contract';
import { compensate, handle, type HarnessService, OutboxHarness } from '../testing';

@OutboxMessage({ type: 'order.requested', to: 'order-service' })
class OrderRequested {
  @IsInt() amount!: number;
}

/** A purchase whose first copy was withheld and whose consumer is down: time for somebody else. */
async function waitingPurchase() {
  const system = new OutboxHarness();
  const orders = await system.service('order-service', [handle(OrderRequested, async () => undefined)]);
  let refunds = 0;
  const users = await system.service('user-service', [compensate(OrderRequested, async () => refunds++)]);
  orders.crash();
  system.faults.lose('message');
  const { id } = await users.add(OrderRequested, { amount: 100 });
  await system.advance('1s');
  const { recordedAt } = (await users.status(id)).deliveries[0]!;
  return { system, orders, users, id, recordedAt, refunds: () => refunds };
}

const stateOf = async (users: HarnessService, id: string): Promise<string> =>
  (await users.status(id)).deliveries[0]!.state;
const untrusted = (users: HarnessService): unknown[] =>
  users.events.filter(({ event }) => event === 'receipt.untrusted');

describe('an answer to other content than was recorded', () => {
  it('completes nothing: the same id, other content, ahead of the message', async () => {
    const { system, orders, users, id, recordedAt } = await waitingPurchase();
    const altered = encode({
      kind: 'message',
      message: {
        ...{ id, type: 'order.requested', source: 'user-service', key: undefined, headers: {}, recordedAt },
        payload: '{"amount":1}',
      },
      ...{ attempt: 1, deadlineAt: undefined, replyTo: 'user-service' },
    });
    system.broker.inject('order-service.order.requested', altered);
    await orders.start();
    await system.advance('1m');

    expect(untrusted(users).length).toBeGreaterThan(0);
    await system.drain();
    // the order that was made is not the one that was paid for: that is for a person
    expect(await stateOf(users, id)).toBe('parked');
    expect(orders.events).toContainEqual(expect.objectContaining({ event: 'inbox.collision' }));
  });

  const verdicts = {
    accepted: { verdict: 'accepted', payloadHash: '' },
    rejected: { verdict: 'rejected', reason: { code: 'OUT_OF_STOCK' } },
    deferred: { verdict: 'deferred', reason: { code: 'FAILED' }, retryAfterMs: 3_600_000 },
    unprocessable: { verdict: 'unprocessable', reason: { code: 'INVALID_PAYLOAD' } },
  } as const;
  const send = (
    system: OutboxHarness,
    about: { id: string; recordedAt: string },
    kind: keyof typeof verdicts,
    payload: string,
  ) => {
    const receipt = {
      ...verdicts[kind],
      ...{ messageId: about.id, consumer: 'order-service', attempt: 1, recordedAt: about.recordedAt },
      payloadHash: contentHash('order.requested', payload),
    };
    const envelope: ReceiptEnvelope = { kind: 'receipt', to: 'user-service', receipt };
    system.broker.inject('user-service.receipts', encode(envelope));
    return system.advance('1s');
  };

  it.each(Object.keys(verdicts) as (keyof typeof verdicts)[])(
    'changes nothing, is put aside and alarms, whatever it says (%s)',
    async (kind) => {
      const { system, users, refunds, ...purchase } = await waitingPurchase();
      const before = await users.status(purchase.id);

      await send(system, purchase, kind, '{"amount":1}');

      expect(await users.status(purchase.id)).toEqual(before);
      expect(refunds()).toBe(0);
      expect(untrusted(users)).toHaveLength(1);
      expect(system.broker.quarantined('user-service')).toHaveLength(1);
    },
  );

  it.each(Object.keys(verdicts) as (keyof typeof verdicts)[])(
    '(control) counts if it names the content (%s)',
    async (kind) => {
      const { system, users, ...purchase } = await waitingPurchase();
      const before = await users.status(purchase.id);

      await send(system, purchase, kind, '{"amount":100}');

      expect(await users.status(purchase.id)).not.toEqual(before);
      expect(untrusted(users)).toEqual([]);
    },
  );

  it('alarms as well when the delivery is decided', async () => {
    const { system, users, ...purchase } = await waitingPurchase();
    await send(system, purchase, 'accepted', '{"amount":100}');

    await send(system, purchase, 'accepted', '{"amount":1}');

    expect(untrusted(users)).toHaveLength(1);
    expect(await stateOf(users, purchase.id)).toBe('completed');
  });
});
