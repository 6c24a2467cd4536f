import { Cleanup, testBroker, until } from '@tallystick/services';
import { connect } from 'amqplib';
import { audit } from './audit';
import { canAddBrokerUsers, usersOfCompose } from './broker-users';
import { type Fixture, startFixture } from './fixture';

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
async function publish(url: string, exchange: string, key: string): Promise<void> {
  const connection = await connect(url);
  try {
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {}); // `waitForConfirms` rejects as well
    channel.publish(exchange, key, Buffer.from('{}'));
    await channel.waitForConfirms();
  } finally {
    await connection.close();
  }
}
