import assert from 'node:assert/strict';
import type { PublishOutcome } from '../message/delivery';
import { behaviour, eventually, idOf, request, type TransportContractCase } from './transport-contract-scenario';

/** What `publish` says is true. */
export const outcomeCases: TransportContractCase[] = [
  behaviour('a request that nobody is bound for is not called delivered', async (scenario) => {
    const users = await scenario.service('user-service');

    const { kind } = await users.transport.publish(request(), 'order-service');

    assert(scenario.capabilities.returns ? kind === 'returned' : ['refused', 'unavailable'].includes(kind), kind);
  }),

  behaviour('an announcement that nobody listens to is returned', async (scenario) => {
    const users = await scenario.service('user-service');
    const sent = { ...request({ type: 'nobody.cares' }), replyTo: undefined };

    assert.deepEqual(await users.transport.publish(sent, undefined), { kind: 'returned' });
  }),

  behaviour('one unroutable message does not taint those around it', async (scenario) => {
    const { users } = await scenario.pair();

    const outcomes = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        users.transport.publish(request(index % 3 === 0 ? { type: 'nobody.handles' } : {}), 'order-service'),
      ),
    );

    outcomes.forEach((outcome, index) => {
      if (index % 3 !== 0) assert.deepEqual(outcome, scenario.delivered);
      else if (scenario.capabilities.returns) assert.deepEqual(outcome, { kind: 'returned' });
    });
  }),

  behaviour('with no connection a publish is unavailable at once', async (scenario) => {
    const users = await scenario.lonelyService('user-service');
    await eventually('it has noticed', async () => {
      const { kind } = await users.transport.publish(request(), 'order-service');
      return kind === 'unavailable' && !users.transport.ready;
    });
    const since = performance.now();

    const outcomes = await Promise.all(
      Array.from({ length: 500 }, () => users.transport.publish(request(), 'order-service')),
    );

    assert.deepEqual(new Set(outcomes.map(({ kind }) => kind)), new Set(['unavailable']));
    assert(performance.now() - since < 1_000, 'they waited for something');
    assert.equal(users.readiness.at(-1) ?? false, false);
  }),

  behaviour(
    'when connections break, what was confirmed arrives and what was unavailable does not',
    async (scenario) => {
      const { users, orders } = await scenario.pair();
      const said = new Map<string, PublishOutcome['kind']>();
      let sending = true;
      const sender = async (): Promise<void> => {
        while (sending) {
          const envelope = request();
          said.set(idOf(envelope), (await users.transport.publish(envelope, 'order-service')).kind);
          await new Promise(setImmediate);
        }
      };
      const senders = Array.from({ length: 5 }, sender);
      await eventually('messages flow', () => orders.received.length > 50);

      await scenario.fixture.breakConnections();

      const before = orders.received.length;
      await eventually('messages flow again', () => orders.received.length > before + 50);
      sending = false;
      await Promise.all(senders);
      const ids = (kinds: string[]): string[] => [...said].flatMap(([id, kind]) => (kinds.includes(kind) ? [id] : []));
      await eventually('everything confirmed has arrived', () => {
        const received = new Set(orders.receivedIds());
        return ids(['confirmed', 'replied']).every((id) => received.has(id));
      });
      const received = new Set(orders.receivedIds());
      assert.deepEqual(
        ids(['unavailable']).filter((id) => received.has(id)),
        [],
      );
    },
  ),

  behaviour('close leaves no publish without an outcome', async (scenario) => {
    const { users, orders } = await scenario.pair();
    if (scenario.capabilities.receiptsComeWithTheCall) orders.shut();
    const publishing = Array.from({ length: 20 }, () => users.transport.publish(request(), 'order-service'));

    await users.transport.close();

    const kinds = new Set((await Promise.all(publishing)).map(({ kind }) => kind));
    const honest = scenario.capabilities.receiptsComeWithTheCall
      ? ['unknown', 'unavailable', 'refused']
      : ['confirmed', 'unknown', 'unavailable'];
    assert.deepEqual(
      [...kinds].filter((kind) => !honest.includes(kind)),
      [],
    );
  }),

  behaviour('a closed transport is not ready, says so, and takes nothing', async (scenario) => {
    const { users } = await scenario.pair();
    assert.deepEqual(users.readiness, [true]);

    await users.transport.close();

    assert.equal(users.transport.ready, false);
    assert.deepEqual(users.readiness, [true, false]);
    assert.deepEqual(await users.transport.publish(request(), 'order-service'), { kind: 'unavailable' });
    await users.transport.close(); // once more does no harm
  }),
];
