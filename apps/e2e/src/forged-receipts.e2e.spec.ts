import { Cleanup, testBroker, testDatabase, until } from '@tallystick/services';
import { type ConfirmChannel, connect, type GetMessage } from 'amqplib';
import { audit } from './audit';
import { canAddBrokerUsers, usersOfCompose } from './broker-users';
import { query } from './query';
import { send, Shop } from './shop';
import { type RunningServices, startServices } from './start-services';

const OLD = 'old:the-secret-of-last-year-thirty-two-bytes';
const NEW = 'new:the-secret-of-this-year-thirty-two-bytes';

/** What somebody publishes: a genuine receipt, or one made out of it. */
interface Forgery {
  /** Who logs in. `admin` may write everywhere. */
  readonly as: 'admin' | 'order';
  readonly userId?: string;
  readonly key?: string;
  readonly body?: object;
  readonly headers?: Record<string, unknown>;
}

/**
 * Both services with all defences up: the broker users of docker-compose.yml, checked, and signatures. order-service is
 * down, so that a purchase waits for its verdict while others try to give one.
 */
describe('a forged receipt', () => {
  const cleanup = new Cleanup();
  const absent = !canAddBrokerUsers();
  let amqpUrl: { user: string; order: string };
  let channels: { admin: ConfirmChannel; order: ConfirmChannel };
  let databaseUrls: { user: string; order: string };
  let services: RunningServices;
  let shop: Shop;
  let userId: string;
  /** Of a purchase that was settled before the key was changed, and of one after that. */
  let receipts: { old: GetMessage; new: GetMessage };
  /** The purchase that waits. */
  let waiting: { id: string; messageId: string };

  beforeAll(async () => {
    if (absent) return;
    const broker = await testBroker('forged');
    amqpUrl = await usersOfCompose(broker);
    databaseUrls = { user: await testDatabase('user'), order: await testDatabase('order') };
    channels = { admin: await logIn(broker), order: await logIn(amqpUrl.order) };

    await start(OLD);
    await channels.admin.assertQueue('spy', { durable: true });
    await channels.admin.bindQueue('spy', 'outbox.receipts', 'user-service');
    userId = await shop.createUser(1_000);
    await shop.setStock('tally-stick', 10);
    const old = await receiptOfPurchase();
    await services.stop();
    await start(NEW); // the old key is taken away
    receipts = { old, new: await receiptOfPurchase() };

    await services.order.stop();
    await channels.admin.assertQueue('spy-messages', { durable: true });
    await channels.admin.bindQueue('spy-messages', 'outbox.requests', 'order-service.order.requested');
    waiting = await buy();
  }, 180_000);
  afterAll(() => cleanup.run(), 60_000);

  async function start(keys: string): Promise<void> {
    const environment = { AMQP_CHECK_USERS: 'true', SIGNING_KEYS: keys };
    services = cleanup.stopLater(await startServices({ databaseUrls, transport: { amqpUrl }, environment }));
    shop = new Shop(services.user.url, services.order.url);
  }
  async function logIn(url: string): Promise<ConfirmChannel> {
    const connection = await connect(url);
    cleanup.defer(() => connection.close());
    return connection.createConfirmChannel();
  }
  async function buy(): Promise<{ id: string; messageId: string }> {
    return (await shop.purchase({ userId, sku: 'tally-stick', quantity: 1, amount: 100 })).body;
  }
  async function receiptOfPurchase(): Promise<GetMessage> {
    const { id } = await buy();
    expect(await shop.settled(id)).toMatchObject({ status: 'completed' });
    return (await channels.admin.get('spy', { noAck: true })) as GetMessage;
  }
  async function forge(
    genuine: GetMessage,
    { as, userId, key = 'user-service', body, headers }: Forgery,
  ): Promise<void> {
    const { properties, content } = genuine;
    channels[as].publish('outbox.receipts', key, body ? Buffer.from(JSON.stringify(body)) : content, {
      ...properties,
      userId,
      headers: { ...properties.headers, ...headers },
    });
    await channels[as].waitForConfirms();
  }
  const aboutTheOther = (): Record<string, unknown> => ({ cloudEvents_correlationid: waiting.messageId });
  const refunding = (): object => ({
    verdict: 'rejected',
    consumer: 'order-service',
    recordedAt: new Date().toISOString(),
    reason: { code: 'OUT_OF_STOCK' },
  });
  const quarantined = async (service: string): Promise<number> =>
    (await channels.admin.checkQueue(`${service}.quarantine`)).messageCount;
  const untrusted = (output: string): string[] =>
    output.split('\n').filter((line) => line.includes('receipt.untrusted'));

  it.each<[string, string, 'old' | 'new', () => Forgery]>([
    ['signed by nobody', 'it is not signed', 'new', () => signedWith(undefined)],
    ['signed with a key that was taken away', 'a key that is not accepted', 'old', () => fromOrders(aboutTheOther())],
    ['replayed from before the key was changed', 'a key that is not accepted', 'old', () => fromOrders()],
    ['taken from another message', 'its signature is wrong', 'new', () => fromOrders(aboutTheOther())],
    ['with another verdict', 'its signature is wrong', 'new', () => ({ ...fromOrders(), body: refunding() })],
    ['replayed by a stranger', 'the broker vouches for nobody', 'new', () => ({ as: 'admin' })],
    ['replayed by somebody else', "the broker let in 'guest'", 'new', () => ({ as: 'admin', userId: 'guest' })],
  ])('%s changes nothing; it is put aside and reported', async (_, problem, genuine, forgery) => {
    if (absent) return;
    const [before, asideBefore] = [await state(), await quarantined('user-service')];
    const reportedBefore = untrusted(services.user.output).length;

    await forge(receipts[genuine], forgery());

    await until('it is reported', () => untrusted(services.user.output).length === reportedBefore + 1);
    expect(untrusted(services.user.output).at(-1)).toContain(problem);
    expect(await quarantined('user-service')).toBe(asideBefore + 1);
    expect(await state()).toEqual(before);
  });

  it('or cancel does not keep order-service from deciding, nor does a receipt for another, nor an altered copy', async () => {
    if (absent) return;
    const { properties } = receipts.new;
    channels.admin.publish('outbox.requests', 'order-service.cancel', Buffer.from('{}'), {
      headers: {
        ...properties.headers,
        ...aboutTheOther(),
        cloudEvents_id: waiting.messageId,
        cloudEvents_type: 'outbox.cancel',
        cloudEvents_source: 'user-service',
        cloudEvents_time: new Date().toISOString(),
      },
      replyTo: 'user-service',
    });
    await forge(receipts.new, { ...fromOrders(), key: 'order-service' });
    // copies of a message of user-service by whoever runs the broker, and by its user, who does not have the key
    const message = (await channels.admin.get('spy-messages', { noAck: true })) as GetMessage;
    const { properties: genuine, content } = message;
    const copies = [
      { ...genuine, userId: undefined },
      { ...genuine, headers: { ...genuine.headers, cloudEvents_expirytime: '2020-01-01T00:00:00Z' } },
      { ...genuine, replyTo: 'order-service' },
    ];
    const asUser = await logIn(amqpUrl.user);
    for (const copy of copies) {
      const by = copy.userId === undefined ? channels.admin : asUser;
      by.publish('outbox.requests', 'order-service.order.requested', content, copy);
      await by.waitForConfirms();
    }
    const dearer = Buffer.from(content.toString().replace(/"amount":\d+/, '"amount":1'));
    asUser.publish('outbox.requests', 'order-service.order.requested', dearer, genuine);
    await asUser.waitForConfirms();

    await services.order.start();

    expect(await shop.settled(waiting.id)).toMatchObject({ status: 'completed' });
    await until('all are reported', () => untrusted(services.order.output).length === 6);
    expect(await quarantined('order-service')).toBe(6);
    expect((await send('GET', `${services.order.url}/health/ready`)).body).toMatchObject({
      outbox: { refused: 6, returned: 0 },
    });
  }, 120_000);

  it('is no better for being genuine: a receipt that comes twice is applied once', async () => {
    if (absent) return;
    const settledAt = async (): Promise<Date[]> => (await state()).map(({ settled_at }) => settled_at);
    const [before, aside] = [await settledAt(), await quarantined('user-service')];

    await forge(receipts.new, fromOrders());
    const { id } = await buy(); // its receipt comes after

    expect(await shop.settled(id)).toMatchObject({ status: 'completed' });
    await until('all receipts are handled', async () => (await backlog()) === 0);
    expect((await settledAt()).slice(0, before.length)).toEqual(before);
    expect(await quarantined('user-service')).toBe(aside);
    expect(await audit({ databaseUrls, deposited: 1_000, stocked: 10 })).toEqual([]);
  });

  function fromOrders(headers: Record<string, unknown> = {}): Forgery {
    return { as: 'order', userId: 'order-service', headers };
  }
  function signedWith(signature: string | undefined): Forgery {
    return { ...fromOrders({ ...aboutTheOther(), outbox_signature: signature }), body: refunding() };
  }
  /** Everything a receipt could change. */
  function state(): Promise<{ settled_at: Date }[]> {
    return query(
      databaseUrls.user,
      `select d.message_id, d.verdict, d.settled_at, p.status, p.order_id, u.balance
       from outbox_delivery d join purchases p using (message_id) join users u on u.id = p.user_id
       order by p.created_at`,
    );
  }
  async function backlog(): Promise<number> {
    return (await channels.admin.checkQueue('user-service.receipts')).messageCount;
  }
});
