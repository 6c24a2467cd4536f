import { Cleanup, TcpProxy, testBroker, testDatabase, until } from '@tallystick/services';
import { audit } from './audit';
import { type Fixture, startFixture } from './fixture';
import { type Answer, send, Shop } from './shop';
import { startServices } from './start-services';

describe('running the services', () => {
  let fixture: Fixture;

  beforeAll(async () => {
    fixture = await startFixture({ replicas: { user: 2, order: 2 } });
  }, 120_000);
  afterAll(() => fixture?.stop());

  it('two replicas of each start on empty databases at the same moment, and all of them work', async () => {
    const { services, shop, databaseUrls } = fixture;
    const userId = await shop.createUser(1_000);
    await shop.setStock('tally-stick', 100);
    for (const { url } of services.users) {
      const replica = new Shop(url, services.order.url);
      const { body } = await replica.purchase({ userId, sku: 'tally-stick', quantity: 1, amount: 10 });
      expect(await replica.settled(body.id)).toMatchObject({ status: 'completed' });
    }
    expect(await audit({ databaseUrls, deposited: 1_000, stocked: 100 })).toEqual([]);
  });

  it('live and ready', async () => {
    for (const { url } of fixture.services.all) {
      expect(await send('GET', `${url}/health/live`)).toMatchObject({ status: 200, body: { status: 'ok' } });
      expect(await send('GET', `${url}/health/ready`)).toMatchObject({ status: 200, body: { status: 'ok' } });
    }
  });

  it('measured, each for itself, and seen by all of them', async () => {
    const { services, shop } = fixture;
    const userId = await shop.createUser(1_000);
    const { body } = await shop.purchase({ userId, sku: 'tally-stick', quantity: 1, amount: 10 });
    await shop.settled(body.id);
    const lines = async (url: string): Promise<string> => (await send('GET', `${url}/metrics`)).body as string;
    const mine = await lines(services.user.url);
    const theirs = (await Promise.all(services.orders.map(({ url }) => lines(url)))).join('\n');
    expect(mine).toMatch(/^tallystick_recorded_total\{type="order.requested"\} [1-9]/m);
    expect(mine).toMatch(/^tallystick_deliveries\{state="parked"\} 0$/m);
    expect(theirs).toMatch(/^messaging_client_consumed_messages_total\{.*outcome="accepted"\} [1-9]/m);
    expect(mine).toMatch(/^process_cpu_seconds_total /m);
  });

  it('described by OpenAPI', async () => {
    const [user, order] = [fixture.services.user.url, fixture.services.order.url];
    expect(await send('GET', `${user}/docs`)).toMatchObject({ status: 200, body: expect.stringContaining('swagger') });
    expect({ ...(await describedBy(user)), ...(await describedBy(order)) }).toEqual({
      'post /users': '201 400 413',
      'get /users/{id}': '200 400 404',
      'post /purchases': '202 400 404 409 413 422',
      'get /purchases/{id}': '200 400 404',
      'get /purchases/{id}/timeline': '200 400 404',
      'get /orders': '200 400',
      'get /orders/{id}': '200 400 404',
      'put /stock/{sku}': '200 400 413',
      'get /stock/{sku}': '200 400 404',
      'get /health/live': '200',
      'get /health/ready': '200 503',
    });
  });

  it('what is created says where it is', async () => {
    const { shop, services } = fixture;
    const purchase = { userId: await shop.createUser(1_000), sku: 'tally-stick', quantity: 1, amount: 10 };
    for (const [path, body] of Object.entries({ users: { name: 'Ada', balance: 0 }, purchases: purchase })) {
      const answer = await fetch(`${services.user.url}/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const { id } = (await answer.json()) as { id: string };
      const found = await send('GET', services.user.url + answer.headers.get('location'));
      expect(found).toMatchObject({ status: 200, body: { ...body, id } });
    }
  });

  it('quietly: they say that they listen, and nothing else', () => {
    for (const { service, url, output } of fixture.services.all) {
      expect(output).toBe(`${service} listening on ${url}\n`);
    }
  });

  it('through an orderly restart and through a crash', async () => {
    const { services, shop, databaseUrls } = fixture;
    const userId = await shop.createUser(1_000);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const { body } = await shop.purchase({ userId, sku: 'tally-stick', quantity: 1, amount: 10 });
      await Promise.all(services.all.map((each) => each.restart(signal)));
      expect(await shop.settled(body.id, 60_000)).toMatchObject({ status: 'completed' });
    }
    expect(await audit({ databaseUrls })).toEqual([]);
  }, 120_000);
});

describe('running a service', () => {
  const cleanup = new Cleanup();
  afterAll(() => cleanup.run());

  it('without its broker is degraded and goes on selling; without its database it is down', async () => {
    const databaseUrls = { user: await testDatabase('user'), order: await testDatabase('order') };
    const [amqpUrl, broker] = await proxied(await testBroker('services'));
    const [userUrl, database] = await proxied(databaseUrls.user);
    const services = cleanup.stopLater(
      await startServices({
        databaseUrls: { ...databaseUrls, user: userUrl },
        transport: { amqpUrl },
        environment: { LOG_LEVEL: 'fatal' },
      }),
    );
    const shop = new Shop(services.user.url, services.order.url);
    const userId = await shop.createUser(1_000);
    await shop.setStock('tally-stick', 1);

    await lose(broker);
    await readiness(services.user.url, 200, 'degraded');
    const { status, body } = await shop.purchase({ userId, sku: 'tally-stick', quantity: 1, amount: 10 });
    expect(status).toBe(202);
    expect(body.status).toBe('pending');
    await broker.refuse(false);
    await readiness(services.user.url, 200, 'ok');
    expect(await shop.settled(body.id, 60_000)).toMatchObject({ status: 'completed' });

    await lose(database);
    await readiness(services.user.url, 503, 'error');
    expect(await send('GET', `${services.user.url}/health/live`)).toMatchObject({ status: 200 });
    await database.refuse(false);
    await readiness(services.user.url, 200, 'ok');
    expect(await audit({ databaseUrls, deposited: 1_000, stocked: 1 })).toEqual([]);
  }, 120_000);

  it('names everything that is wrong with its environment, and ends', async () => {
    const databaseUrls = { user: 'oracle://root:secret@127.0.0.1/users', order: await testDatabase('order') };
    const starting = startServices({
      databaseUrls,
      transport: { amqpUrl: 'http://127.0.0.1' },
      environment: { LOG_LEVEL: 'loud' },
    });
    const { message } = await starting.then(
      () => new Error('it started'),
      (error: Error) => error,
    );
    for (const name of ['DATABASE_URL', 'AMQP_URL', 'LOG_LEVEL']) expect(message).toContain(name);
    expect(message).not.toContain('secret');
  });

  /** The url, through a proxy that this test can break. */
  async function proxied(url: string): Promise<[string, TcpProxy]> {
    const through = new URL(url);
    const proxy = new TcpProxy({ targetHost: through.hostname, targetPort: Number(through.port) });
    cleanup.defer(() => proxy.close());
    through.port = String(await proxy.listen());
    return [through.href, proxy];
  }
});

async function lose(proxy: TcpProxy): Promise<void> {
  await proxy.refuse(true);
  proxy.cut();
}

async function readiness(url: string, status: number, word: string): Promise<void> {
  let answer: Answer | undefined;
  const asExpected = async (): Promise<boolean> => {
    answer = await send('GET', `${url}/health/ready`);
    return answer.status === status && answer.body.status === word;
  };
  await until(`${url} answers ${status} ${word}`, asExpected).catch((error: Error) => {
    throw new Error(`${error.message}; the last answer was ${JSON.stringify(answer)}`);
  });
}

/** As much of an OpenAPI document as is looked at here. */
interface Description {
  paths: Record<string, Record<string, { summary?: string; responses: Record<string, { description?: string }> }>>;
  components: { schemas: Record<string, { properties: Record<string, { description?: string }> }> };
}

/** The statuses every route answers with. On the way: each route has a summary, each refusal a reason, each amount its unit. */
async function describedBy(url: string): Promise<Record<string, string>> {
  const { paths, components } = (await send('GET', `${url}/docs-json`)).body as Description;
  const amounts = Object.values(components.schemas)
    .flatMap(({ properties }) => [properties.amount, properties.balance])
    .filter((field) => field !== undefined);
  expect(amounts.length).toBeGreaterThan(0);
  for (const amount of amounts) expect(amount.description).toContain('cents');

  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary, responses }]) => {
      expect(summary).toMatch(/\w/);
      const refusals = Object.entries(responses).filter(([status]) => Number(status) >= 400);
      for (const [, { description }] of refusals) expect(description).toMatch(/\w/);
      return [`${method} ${path}`, Object.keys(responses).sort().join(' ')] as const;
    }),
  );
  return Object.fromEntries(routes);
}
