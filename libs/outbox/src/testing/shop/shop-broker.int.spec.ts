import { type RabbitServer, startRabbit, testDatabase, until } from '@tallystick/services';
import { randomUUID } from 'node:crypto';
import { rabbitMq } from '../../adapters/rabbitmq';
import { PUBLISH_TIMEOUT_MS, type Shop, ShopFixture, STARTING } from './shop.fixture';

/** A broker of our own: it loses what it had confirmed, by order of its operator. */
describe('A service goes on when its broker', () => {
  let broker: RabbitServer;
  let vhost: string;
  let fixture: ShopFixture;

  beforeAll(async () => {
    broker = await startRabbit();
  }, 90_000);
  afterAll(() => broker.stop());

  async function open(): Promise<Shop> {
    const transport = rabbitMq({ url: vhost, publishTimeout: PUBLISH_TIMEOUT_MS });
    fixture = await ShopFixture.start(await testDatabase('shop'), { transport });
    return fixture.shops[0]!;
  }
  beforeEach(async () => {
    vhost = await broker.createVhost();
  });
  afterEach(() => fixture.stop());

  async function buy(shop: Shop, index: number): Promise<string> {
    const id = randomUUID();
    await shop.buy(id, { account: STARTING.accounts[index % 3]!, sku: STARTING.skus[index % 2]! });
    return id;
  }
  const buyMany = (shop: Shop, many: number): Promise<unknown> =>
    Promise.all(Array.from({ length: many }, (_, index) => buy(shop, index)));

  /** For queues of purchases. Resolves when the queue obeys. */
  async function limit(definition: object): Promise<void> {
    const scope = ['--vhost', new URL(vhost).pathname.slice(1)];
    const policy = JSON.stringify(definition);
    await broker.ctl('set_policy', ...scope, 'limit', '^shop[.]purchase', policy, '--apply-to', 'queues');
    const policies = (): Promise<string> => broker.ctl('list_queues', ...scope, 'policy');
    await until('the policy is in force', async () => (await policies()).includes('limit'));
  }
  /** How long a delivery may stay unacknowledged, on channels opened from now on, and how often that is looked at. */
  async function patience(timeoutMs: number, everyMs: number): Promise<void> {
    await broker.ctl(
      'eval',
      `application:set_env(rabbit, consumer_timeout, ${timeoutMs}), application:set_env(rabbit, channel_tick_interval, ${everyMs}).`,
    );
  }

  it('loses patience with a slow handler: one effect, the copy is answered, the next ones are handled', async () => {
    await patience(1_500, 500);
    const shop = await open();
    shop.at.shipping = () => until('the broker closes the channel', () => fixture.count('transport.trouble') > 0);
    await buy(shop, 0);
    expect(await fixture.booksBalance()).toEqual({ completed: 1, refunded: 0 });
    await patience(1_800_000, 60_000);
    delete shop.at.shipping;
    await buyMany(shop, 5);
    expect(await fixture.booksBalance()).toEqual({ completed: 6, refunded: 0 });
    await until('the copy is answered', () => fixture.count('inbox.replayed') > 0);
  });

  it('drops the oldest message of a full queue', async () => {
    const shop = await open();
    await limit({ 'max-length': 1, overflow: 'drop-head' });
    await buyMany(shop, 60);
    expect(await fixture.booksBalance()).toEqual({ completed: 60, refunded: 0 });
  });

  it('drops every message that it would have to deliver again', async () => {
    const shop = await open();
    await limit({ 'delivery-limit': 0 });
    let running = 0;
    let release = (): void => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    shop.at.shipping = () => {
      running += 1;
      return released;
    };
    await buyMany(shop, 10);
    await until('handlers are at work', () => running > 0);
    await broker.closeConnections('maintenance', vhost);
    await until('it is noticed', () => fixture.count('transport.trouble') > 0);
    release();
    expect(await fixture.booksBalance()).toEqual({ completed: 10, refunded: 0 });
  });

  it('is reset under load, and has lost everything', async () => {
    vhost = broker.url; // the one that is there again after a reset
    const shop = await open();
    let buying = true;
    let bought = 0;
    const buyer = async (_: unknown, index: number): Promise<void> => {
      while (buying) {
        const id = await buy(shop, index);
        bought += 1;
        await shop.outbox.waitForVerdict(id, { timeout: '90s' });
      }
    };
    const buyers = Promise.all(Array.from({ length: 5 }, buyer));
    await until('messages flow', () => fixture.count('inbox.handled') > 20);
    await broker.stopApp();
    await broker.ctl('reset');
    await broker.startApp();
    const handled = fixture.count('inbox.handled');
    await until('messages flow again', () => fixture.count('inbox.handled') > handled + 20);
    buying = false;
    await buyers;
    expect(await fixture.booksBalance()).toMatchObject({ completed: bought });
  }, 180_000);
});
