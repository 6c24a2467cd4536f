import { Cleanup, testBroker, until } from '@tallystick/services';
import { connect, type Options } from 'amqplib';
import { randomUUID } from 'node:crypto';
import { audit } from './audit';
import { canAddBrokerUsers, usersOfCompose } from './broker-users';
import { type Fixture, startFixture } from './fixture';
import { query } from './query';

const TO_ORDERS = 'order-service.order.requested';
const RECEIPT = { cloudEvents_type: 'outbox.receipt' };

describe('the broker permissions of docker-compose.yml', () => {
  const cleanup = new Cleanup();
  let fixture: Fixture;
  let amqpUrl: { user: string; order: string };

  beforeAll(async () => {
    if (!canAddBrokerUsers()) return;
    amqpUrl = await usersOfCompose(await testBroker('permissions'));
    fixture = cleanup.stopLater(
      await startFixture({ transport: { amqpUrl }, environment: { AMQP_CHECK_USERS: 'true' } }),
    );
  }, 120_000);
  afterAll(() => cleanup.run());

  it('are enough for an order and for a refund', async () => {
    if (!canAddBrokerUsers()) return;
    const { shop, databaseUrls } = fixture;
    const userId = await shop.createUser(1_000);
    await shop.setStock('tally-stick', 1);
    for (const status of ['completed', 'refunded']) {
      const { body } = await shop.purchase({ userId, sku: 'tally-stick', quantity: 1, amount: 10 });
      expect(await shop.settled(body.id)).toMatchObject({ status });
    }
    expect(await audit({ databaseUrls })).toEqual([]);
  });

  it('are enough to put aside what is no envelope', async () => {
    if (!canAddBrokerUsers()) return;
    const inTheEnd = async (): Promise<number> => {
      const connection = await connect(amqpUrl.order);
      try {
        const channel = await connection.createChannel();
        return (await channel.checkQueue('order-service.quarantine')).messageCount;
      } finally {
        await connection.close();
      }
    };
    await publish(amqpUrl.user, 'outbox.requests', 'order-service.order.requested');

    await until('it is in the quarantine', async () => (await inTheEnd()) === 1);
  });

  it.each<[string, 'user' | 'order', string, string, 'user' | 'order', Record<string, unknown>]>([
    ['order', 'order', 'outbox.receipts', 'user-service', 'user', { cloudEvents_type: 'order.requested' }],
    ['cancel', 'order', 'outbox.receipts', 'user-service', 'user', { cloudEvents_type: 'outbox.cancel' }],
    ['order past the queue of orders', 'user', 'outbox.requests', 'order-service.cancel', 'order', {}],
    ['cancel among the orders', 'user', 'outbox.requests', TO_ORDERS, 'order', { cloudEvents_type: 'outbox.cancel' }],
    ['receipt among the orders', 'user', 'outbox.requests', TO_ORDERS, 'order', RECEIPT],
    ['receipt for cancels', 'user', 'outbox.requests', 'order-service.cancel', 'order', RECEIPT],
    ['order in another name', 'user', 'outbox.requests', TO_ORDERS, 'order', { cloudEvents_source: 'mail-service' }],
  ])('leave no detour: an %s changes nothing and is put aside', async (_, as, exchange, key, at, headers) => {
    if (!canAddBrokerUsers()) return;
    const { shop, services, databaseUrls } = fixture;
    await shop.setStock('tally-stick', 1);
    const refusals = (): number => services[at].output.split(/inbox\.malformed|receipt\.untrusted/).length;
    const rows = (): Promise<unknown> =>
      query(
        databaseUrls[at],
        'select (select count(*) from inbox_message), (select max(settled_at) from outbox_delivery)',
      );
    const [before, refusedBefore] = [await rows(), refusals()];
    const id = randomUUID();
    const sender = as === 'user' ? 'user-service' : 'order-service';
    const body = JSON.stringify({
      purchaseId: id,
      sku: 'tally-stick',
      quantity: 1,
      consumer: sender,
      verdict: 'accepted',
    });

    await publish(amqpUrl[as], exchange, key, body, {
      userId: sender,
      replyTo: sender,
      headers: {
        cloudEvents_specversion: '1.0',
        cloudEvents_id: id,
        cloudEvents_type: 'order.requested',
        cloudEvents_source: sender,
        cloudEvents_time: new Date().toISOString(),
        cloudEvents_attempt: 1,
        cloudEvents_correlationid: id,
        ...headers,
      },
    });

    await until('it is refused', () => refusals() === refusedBefore + 1);
    expect(await rows()).toEqual(before);
  });

  it.each([
    ['user-service', 'outbox.receipts', 'order-service', 'answer for order-service'],
    ['order-service', 'outbox.requests', 'user-service.order.requested', 'ask for user-service'],
    ['order-service', '', 'user-service.receipts', 'write into queues past the exchanges'],
    ['user-service', '', 'user-service.quarantine', 'write into queues past the exchanges, even its own'],
  ])('do not let %s write to "%s" with key %s and so %s', async (service, exchange, key) => {
    if (!canAddBrokerUsers()) return;
    const url = service === 'user-service' ? amqpUrl.user : amqpUrl.order;
    await expect(publish(url, exchange, key)).rejects.toThrow();
  });
});

/** Resolves when the broker has taken it. */
async function publish(
  url: string,
  exchange: string,
  key: string,
  body = '{}',
  properties: Options.Publish = {},
): Promise<void> {
  const connection = await connect(url);
  try {
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {}); // `waitForConfirms` rejects as well
    channel.publish(exchange, key, Buffer.from(body), properties);
    await channel.waitForConfirms();
  } finally {
    await connection.close();
  }
}
