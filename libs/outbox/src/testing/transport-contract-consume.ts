import assert from 'node:assert/strict';
import type { Envelope, MessageEnvelope } from '../message/envelope';
import type { Reaction } from '../ports/transport';
import {
  behaviour,
  cancellation,
  type ContractEndpoint,
  eventually,
  idOf,
  receiptFrom,
  request,
  requests,
  type SmugglersQueue,
  type TransportContractCase,
  type TransportScenario,
} from './transport-contract-scenario';

/** What comes in is handled to its end, and no more at once than was agreed. */
export const consumeCases: TransportContractCase[] = [
  behaviour('no more messages are handled at once than the subscription says', async (scenario) => {
    const { users, orders } = await scenario.pair(3);
    orders.shut();
    const publishing = Array.from({ length: 9 }, () => users.transport.publish(request(), 'order-service'));
    await eventually('three are being handled', () => orders.running === 3);
    if (!scenario.capabilities.receiptsComeWithTheCall) await Promise.all(publishing);

    orders.open();

    await eventually('all are handled', () => orders.finished === 9);
    await Promise.all(publishing);
    assert.equal(orders.mostRunning, 3);
  }),

  behaviour('what was answered with silence is done: no receipt, and it does not come again', async (scenario) => {
    const { users, next } = await handled(scenario, { kind: 'silence' });
    assert.equal(users.receipts[0]!.receipt.messageId, idOf(next));
  }),

  behaviour('what belongs into quarantine does not come again, and holds up nothing', async (scenario) => {
    await handled(scenario, { kind: 'quarantine', problem: 'nobody can be told' });
  }),

  behaviour('a receipt that could not be applied comes again', async (scenario) => {
    const { users } = await scenario.pair();
    let failures = 0;
    const counted: number[] = [];
    users.applyReceipt = async (_, returns) => {
      counted.push(returns);
      return failures++ < 2 ? { kind: 'return', problem: 'the database is away', pauseMs: 10 } : { kind: 'done' };
    };
    const sent = request();

    const { kind } = await users.transport.publish(sent, 'order-service');
    if (scenario.capabilities.receiptsComeWithTheCall) {
      assert.equal(kind, 'unknown');
      await users.publishUntilTaken({ ...sent, attempt: 2 }, 'order-service');
    }

    await eventually('it is applied', () => users.receipts.length === 1);
    assert.equal(users.receipts[0]!.receipt.messageId, idOf(sent));
    if (!scenario.capabilities.receiptsComeWithTheCall) assert.deepEqual(counted, [0, 1, 2]);
  }),

  behaviour('a receipt that belongs into quarantine does not come again, and holds up nothing', async (scenario) => {
    const { users } = await scenario.pair();
    let applied = 0;
    users.applyReceipt = async () =>
      applied++ === 0 ? { kind: 'quarantine', problem: 'it cannot be applied' } : { kind: 'done' };

    const { kind } = await users.transport.publish(request(), 'order-service');
    if (scenario.capabilities.receiptsComeWithTheCall) assert.equal(kind, 'refused');
    await eventually('it is refused', () => applied === 1);
    const next = request();
    await users.publishUntilTaken(next, 'order-service');

    await eventually('the next one is applied', () => users.receipts.length === 1);
    assert.equal(users.receipts[0]!.receipt.messageId, idOf(next));
    assert.equal(applied, 2);
  }),

  behaviour('something that is no envelope is put aside, reported, and holds up nothing', async (scenario) => {
    const { users, orders } = await scenario.pair(1);

    await scenario.fixture.sendMalformed('order-service');
    await eventually('it is reported', () => orders.malformed.length > 0);
    await users.publishUntilTaken(request(), 'order-service');

    await eventually('the next message is handled', () => orders.finished === 1);
    assert.equal(orders.malformed.length, 1);
    assert.match(orders.malformed[0]!.problem, /./);
  }),

  behaviour(
    'a way in yields only what it is for; anything else is put aside, whatever it says it is',
    async (scenario) => {
      const listening = { type: 'user.registered', kind: 'announcement', concurrency: 1 } as const;
      const orders = await scenario.service('order-service', requests(1), listening);
      const users = await scenario.service('user-service');
      const announcement = { ...request({ type: 'user.registered' }), replyTo: undefined };
      const kinds: Record<SmugglersQueue, () => Envelope> = {
        'order.requested': request,
        'user.registered': () => announcement,
        cancel: cancellation,
        receipts: () => receiptFrom('user-service', 'order-service'),
      };
      const queues = Object.keys(kinds) as SmugglersQueue[];
      const detours = scenario.capabilities.receiptsComeWithTheCall
        ? [['receipts', 'order.requested'] as const] // calls have no queues: they bring messages and cancels, replies receipts
        : queues.flatMap((kind) => queues.filter((queue) => queue !== kind).map((queue) => [kind, queue] as const));
      // the type of the queue, and yet not what the queue is for
      const disguised = [
        [{ ...request(), replyTo: undefined }, 'order.requested'],
        [{ ...announcement, replyTo: 'user-service' }, 'user.registered'],
      ] as const;

      for (const [kind, queue] of detours) await scenario.fixture.smuggle(kinds[kind](), 'order-service', queue);
      const disguises = scenario.capabilities.receiptsComeWithTheCall ? [] : disguised;
      for (const [envelope, queue] of disguises) await scenario.fixture.smuggle(envelope, 'order-service', queue);

      await eventually('all are reported', () => orders.malformed.length === detours.length + disguises.length);
      assert.deepEqual(orders.received, []);
      assert.deepEqual(orders.receipts, []);
      await users.publishUntilTaken(request(), 'order-service');
      await eventually('the next message is handled', () => orders.finished === 1);
    },
  ),

  behaviour('stopConsuming lets running handlers come to their end, and answers them', async (scenario) => {
    const { users, orders } = await scenario.pair(2);
    orders.shut();
    const publishing = [request(), request()].map((sent) => users.transport.publish(sent, 'order-service'));
    await eventually('both are being handled', () => orders.running === 2);
    let stopped = false;

    const stopping = orders.transport.stopConsuming(10_000).then(() => (stopped = true));
    const since = performance.now();
    await eventually('it had the time to stop too early', () => performance.now() > since + 200);
    assert.equal(stopped, false);
    orders.open();
    await stopping;

    assert.equal(orders.running, 0);
    await Promise.all(publishing);
    await eventually('both receipts come', () => users.receipts.length === 2);
  }),

  behaviour('stopConsuming waits no longer than it was told', async (scenario) => {
    const { users, orders } = await scenario.pair(1);
    orders.shut();
    void users.transport.publish(request(), 'order-service');
    await eventually('it is being handled', () => orders.running === 1);
    const since = performance.now();

    await orders.transport.stopConsuming(100);

    assert(performance.now() - since < 5_000);
    assert.equal(orders.running, 1);
  }),

  behaviour('after stopConsuming nothing more is taken; it is kept for the next process', async (scenario) => {
    const { users, orders } = await scenario.pair(1);
    await orders.transport.stopConsuming(1_000);
    const sent = request();

    const { kind } = await users.transport.publish(sent, 'order-service');

    if (!scenario.capabilities.keepsMessages) {
      assert.notEqual(kind, 'replied');
      assert.deepEqual(orders.received, []);
      return;
    }
    assert.equal(kind, 'confirmed');
    await orders.transport.close();
    const successor = await scenario.service('order-service', requests(1));
    await eventually('the next process gets it', () => successor.receivedIds().includes(idOf(sent)));
    assert.deepEqual(orders.received, []);
  }),

  behaviour('a service that no longer consumes can still publish', async (scenario) => {
    const { users, orders } = await scenario.pair();
    await users.transport.stopConsuming(1_000);

    assert.deepEqual(await users.transport.publish(request(), 'order-service'), scenario.delivered);
    await eventually('it arrives', () => orders.received.length === 1);
  }),
];

/** Handles one message so, and sees that it does not come again: the next one is handled, and answered. */
async function handled(
  scenario: TransportScenario,
  reaction: Reaction,
): Promise<{ users: ContractEndpoint; next: MessageEnvelope }> {
  const { users, orders } = await scenario.pair(1);
  orders.react = () => reaction;
  await users.transport.publish(request(), 'order-service');
  await eventually('it is handled', () => orders.finished === 1);
  orders.react = (envelope) => orders.accept(envelope);

  const next = request();
  await users.publishUntilTaken(next, 'order-service');

  await eventually('the next one is answered', () => users.receipts.length > 0);
  assert.deepEqual(orders.receivedIds().slice(1), [idOf(next)]);
  return { users, next };
}
