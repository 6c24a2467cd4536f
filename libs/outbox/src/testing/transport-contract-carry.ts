import assert from 'node:assert/strict';
import { CAUSATION_HEADER, CORRELATION_HEADER } from '../message/envelope';
import { contentHash } from '../message/payload';
import type { Receipt } from '../message/receipt';
import { TRACEPARENT } from '../message/trace';
import {
  behaviour,
  cancellation,
  type ContractService,
  eventually,
  idOf,
  request,
  type TransportContractCase,
} from './transport-contract-scenario';

/** Envelopes arrive, unchanged, where they belong. */
export const carryCases: TransportContractCase[] = [
  behaviour('a request reaches its consumer with every field unchanged', async (scenario) => {
    const { users, orders } = await scenario.pair();
    const sent = {
      ...request({
        key: 'user-1 ☕',
        headers: {
          [CORRELATION_HEADER]: 'purchase-7',
          [CAUSATION_HEADER]: '0190a0a0-0000-7000-8000-000000000000',
          [TRACEPARENT]: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
          'tenant-id': 'größer',
        },
      }),
      attempt: 3,
      deadlineAt: '2036-11-20T10:15:00.000Z',
    };

    assert.deepEqual(await users.transport.publish(sent, 'order-service'), scenario.delivered);

    await eventually('it arrives', () => orders.received.length === 1);
    assert.deepEqual(orders.received[0], sent);
  }),

  behaviour('a payload arrives byte for byte', async (scenario) => {
    const { users, orders } = await scenario.pair();
    const payloads = [
      '{"b":1.0, "a" : 1e3,\n\t"a": 12345678901234567890}', // what parsing and writing again would change
      '{"text":"ordentlich heiß ☕ \u{1F9FE} \\u0000 \\ud83d 消息"}',
      '""',
      `{"large":"${'é'.repeat(100_000)}"}`,
    ];

    for (const payload of payloads) await users.publishUntilTaken(request({ payload }), 'order-service');

    await eventually('all arrive', () => orders.received.length === payloads.length);
    const arrived = orders.received.map((envelope) => envelope.kind === 'message' && envelope.message.payload);
    assert.deepEqual(new Set(arrived), new Set(payloads));
  }),

  behaviour('a receipt comes back to the service that asked, and echoes the attempt', async (scenario) => {
    const { users, orders } = await scenario.pair();
    const sent = { ...request(), attempt: 5 };

    await users.publishUntilTaken(sent, 'order-service');

    await eventually('the receipt comes', () => users.receipts.length === 1);
    const { to, receipt } = users.receipts[0]!;
    assert.equal(to, 'user-service');
    assert.equal(receipt.messageId, idOf(sent));
    assert.equal(receipt.attempt, 5);
    assert.equal(receipt.consumer, 'order-service');
    assert.deepEqual(orders.receipts, []);
  }),

  behaviour('every kind of receipt arrives with all it says', async (scenario) => {
    const { users, orders } = await scenario.pair();
    const reason = { code: 'OUT_OF_STOCK', message: 'nichts übrig', details: { left: [0, null, '☕'] } };
    const answers: Partial<Receipt>[] = [
      { verdict: 'accepted', result: { orderId: 7 } },
      { verdict: 'rejected', reason },
      { verdict: 'deferred', reason, retryAfterMs: 1_500 },
      { verdict: 'unprocessable', reason },
    ];
    for (const answer of answers) {
      orders.react = (envelope) => orders.accept(envelope, answer);
      await users.publishUntilTaken(request(), 'order-service');
      await eventually(`${answer.verdict} arrives`, () => users.receipts.length === answers.indexOf(answer) + 1);
      const { messageId: _, consumer: __, attempt: ___, recordedAt: ____, ...said } = users.receipts.at(-1)!.receipt;
      assert.deepEqual(said, { payloadHash: contentHash('order.requested', '{"quantity": 1}'), ...answer });
    }
  }),

  behaviour('a cancel reaches a service that handles no message at all', async (scenario) => {
    const orders = await scenario.service('order-service');
    const users = await scenario.service('user-service');
    const sent = cancellation();

    assert.deepEqual(await users.transport.publish(sent, 'order-service'), scenario.delivered);

    await eventually('it arrives', () => orders.received.length === 1);
    assert.deepEqual(orders.received[0], sent);
    await eventually('its receipt comes', () => users.receipts.length === 1);
  }),

  behaviour('a cancel overtakes the requests that wait', async (scenario) => {
    const { users, orders } = await scenario.pair(1);
    orders.shut();
    const waiting = [request(), request(), request()].map((sent) => users.transport.publish(sent, 'order-service'));
    await eventually('one is being handled', () => orders.running === 1);
    const sent = cancellation();

    void users.transport.publish(sent, 'order-service');

    await eventually('the cancel arrives', () => orders.receivedIds().includes(idOf(sent)));
    assert.equal(orders.received.length, 2);
    orders.open();
    await Promise.all(waiting);
  }),

  behaviour('an announcement reaches everybody who listens, once, and asks nobody for a receipt', async (scenario) => {
    const listen = (name: ContractService) =>
      scenario.service(name, { type: 'user.registered', kind: 'announcement', concurrency: 1 });
    const listeners = [await listen('order-service'), await listen('mail-service')];
    const users = await scenario.service('user-service');
    for (const listener of listeners) {
      listener.react = (envelope) =>
        scenario.capabilities.receiptsComeWithTheCall ? listener.accept(envelope) : { kind: 'silence' };
    }
    const sent = { ...request({ type: 'user.registered' }), replyTo: undefined };

    assert.deepEqual(await users.transport.publish(sent, undefined), { kind: 'confirmed' });

    for (const { received } of listeners) {
      await eventually('it arrives', () => received.length === 1);
      assert.equal(idOf(received[0]!), idOf(sent));
    }
    assert.deepEqual(users.receipts, []);
  }),
];
