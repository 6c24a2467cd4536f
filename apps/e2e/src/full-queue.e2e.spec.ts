import { connectTestRabbit, testBroker, until } from '@tallystick/services';
import { audit } from './audit';
import { startFixture } from './fixture';
import { count } from './query';

const PURCHASES = 40;
const ROOM = 10;

/** Needs a broker on which we may set policies; one that was given to us by AMQP_URL is left as it is. */
const maySetPolicies = (): boolean => connectTestRabbit().supportsFaults;

describe('a queue that is full', () => {
  it('says no, and nothing is lost: purchases are taken, their messages wait, and arrive when there is room', async () => {
    if (!maySetPolicies()) return;
    const amqpUrl = await testBroker('full');
    const policy = (...args: string[]): Promise<string> =>
      connectTestRabbit().ctl(args[0]!, '-p', new URL(amqpUrl).pathname.slice(1), ...args.slice(1));
    const { services, shop, databaseUrls, stop } = await startFixture({ transport: { amqpUrl } });
    try {
      const userId = await shop.createUser(PURCHASES * 10);
      await shop.setStock('tally-stick', PURCHASES);
      await services.order.stop();
      const limit = JSON.stringify({ 'max-length': ROOM, overflow: 'reject-publish' });
      await policy('set_policy', '--apply-to', 'queues', 'full', '^order-service\\.order\\.requested$', limit);
      for (let i = 0; i < PURCHASES; i++) {
        const answer = await shop.purchase({ userId, sku: 'tally-stick', quantity: 1, amount: 10 });
        expect(answer.status).toBe(202);
      }
      const refused = `select count(*)::int as count from outbox_delivery where state = 'pending' and last_error like 'REFUSED:%'`;
      await until('messages are refused', async () => (await count(databaseUrls.user, refused)) > PURCHASES / 2);

      // The limit stays: publishers that are refused do not notice when it is taken away (rabbitmq-server#12206).
      await services.order.start();
      const open = 'select count(*)::int as count from outbox_delivery where settled_at is null';
      await until('all are settled', async () => (await count(databaseUrls.user, open)) === 0, { timeoutMs: 150_000 });
      expect(await audit({ databaseUrls, deposited: PURCHASES * 10, stocked: PURCHASES })).toEqual([]);
      expect(await count(databaseUrls.order, 'select count(*)::int as count from orders')).toBe(PURCHASES);
    } finally {
      await stop();
    }
  }, 240_000);
});
