import { connect } from 'amqplib';
import { Cleanup, startRabbit, testBroker, testDatabase, until } from '@tallystick/services';
import { audit } from './audit';
import { proxied } from './proxied';
import { count } from './query';
import { type Answer, send, Shop } from './shop';
import { type RunningServices, startServices } from './start-services';

/**
 * Drills: both services as they are deployed, and one thing that goes wrong. `faults-on-command.e2e.spec.ts` has those
 * for which messages must fail on command or clocks must run faster.
 */
describe('a purchase survives', () => {
  const DEPOSIT = 1_000_000;
  const STOCK = 1_000;
  let cleanup: Cleanup;
  let databaseUrls: { user: string; order: string };
  let services: RunningServices;
  let shop: Shop;
  let userId: string;

  beforeEach(async () => {
    cleanup = new Cleanup();
    databaseUrls = { user: await testDatabase('user'), order: await testDatabase('order') };
  });
  afterEach(() => cleanup.run());

  it('order-service being killed after its commit, before anybody heard of it', async () => {
    const amqpUrl = await testBroker('drill');
    const { url, proxy } = await proxied(amqpUrl);
    cleanup.defer(() => proxy.close());
    await open({ user: amqpUrl, order: url });

    // 1. From now on the broker hears nothing of order-service: no receipt, no acknowledgement.
    proxy.freeze('up');
    const ids = await buy(5);
    await until('order-service has committed all five', async () => (await ordersInDatabase()) === 5);
    // 2. It dies, and everything it said is lost with it.
    await services.order.kill('SIGKILL');
    proxy.cut();
    proxy.thaw();
    for (const id of ids) expect((await shop.getPurchase(id)).body.status).toBe('pending');
    // 3. The broker delivers again what was not acknowledged, and the inbox answers.
    await services.order.start();
    await allSettle(ids, 'completed');
    await expectPromiseKept();
    expect(await ordersInDatabase()).toBe(5);
  }, 240_000);

  it('the broker being killed, and away for 20 seconds while people go on buying', async () => {
    const rabbit = cleanup.stopLater(await startRabbit());
    await open(rabbit.url);
    const ids = await buy(20);
    await rabbit.flush();
    await rabbit.kill();

    const back = Date.now() + 20_000;
    const buyAndLook = async (): Promise<boolean> => {
      ids.push(...(await buy(1)));
      return Date.now() >= back;
    };
    await until('20 seconds are over', buyAndLook, { everyMs: 500 });
    expect(await readiness(services.user.url)).toEqual([200, 'degraded']);
    await rabbit.start();

    await allSettle(ids, 'completed');
    await until('both are ready again', async () => {
      const answers = await Promise.all(services.all.map(({ url }) => readiness(url)));
      return answers.every(([, status]) => status === 'ok');
    });
    await expectPromiseKept();
  }, 240_000);

  it('a neighbour that sends what nobody can read: it is put aside and reported, and disturbs nobody', async () => {
    const amqpUrl = await testBroker('drill');
    await open(amqpUrl);
    const before = await buy(2);

    const broker = await connect(amqpUrl);
    cleanup.defer(() => broker.close());
    const channel = await broker.createConfirmChannel();
    const nonsense = [Buffer.from('{"half": '), Buffer.from('<order/>'), Buffer.from([0xff, 0xfe]), Buffer.alloc(0)];
    for (const body of nonsense) channel.publish('outbox.requests', 'order-service.order.requested', body);
    channel.publish('outbox.receipts', 'user-service', Buffer.from('{"verdict":"accepted"}'), {
      type: 'outbox.receipt',
    });
    await channel.waitForConfirms();

    const after = await buy(2);
    await allSettle([...before, ...after], 'completed');
    const aside = async (queue: string): Promise<number> => (await channel.checkQueue(queue)).messageCount;
    await until('all of it is in quarantine', async () => {
      return (await aside('order-service.quarantine')) === 4 && (await aside('user-service.quarantine')) === 1;
    });
    expect(services.order.output.match(/inbox\.malformed/g)).toHaveLength(4);
    expect(services.user.output.match(/inbox\.malformed/g)).toHaveLength(1);
    await expectPromiseKept();
  }, 240_000);

  /** Starts both services, with something to sell and somebody to buy it. */
  async function open(amqpUrl: string | { user: string; order: string }): Promise<void> {
    services = cleanup.stopLater(await startServices({ databaseUrls, transport: { amqpUrl } }));
    shop = new Shop(services.user.url, services.order.url);
    userId = await shop.createUser(DEPOSIT);
    await shop.setStock('tally-stick', STOCK);
  }

  /** @returns the ids of the purchases; all of them are taken, whatever is broken */
  async function buy(times: number): Promise<string[]> {
    const one = { userId, sku: 'tally-stick', quantity: 1, amount: 100 };
    const answers = await Promise.all(Array.from({ length: times }, () => shop.purchase(one)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    return answers.map(({ body }) => body.id as string);
  }

  async function allSettle(ids: string[], status: string): Promise<void> {
    const ends: Answer['body'][] = [];
    for (const id of ids) ends.push(await shop.settled(id, 120_000));
    expect(ends.map((end) => end.status)).toEqual(ids.map(() => status));
  }

  function ordersInDatabase(): Promise<number> {
    return count(databaseUrls.order, 'select count(*)::int as count from orders');
  }

  async function readiness(url: string): Promise<[number, string]> {
    const { status, body } = await send('GET', `${url}/health/ready`);
    return [status, body.status];
  }

  async function expectPromiseKept(): Promise<void> {
    expect(await audit({ databaseUrls, deposited: DEPOSIT, stocked: STOCK })).toEqual([]);
    for (const { running, output } of services.all) {
      expect(running).toBe(true);
      expect(output).not.toMatch(/unhandled|uncaught/i);
    }
  }
});
