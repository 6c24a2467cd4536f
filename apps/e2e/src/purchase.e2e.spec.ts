import { randomUUID } from 'node:crypto';
import { Cleanup, startMariaDb } from '@tallystick/services';
import { audit } from './audit';
import { type Fixture, startFixture } from './fixture';
import { send } from './shop';

/** Over what, and whose database is on MariaDB instead of PostgreSQL. */
const SETTINGS: [transport: 'rabbitmq' | 'direct', mariaDb: readonly ('user' | 'order')[]][] = [
  ['rabbitmq', []],
  ['direct', []],
  ['rabbitmq', ['order']],
  ['rabbitmq', ['user']],
  ['direct', ['user', 'order']],
];

describe.each(SETTINGS)('a purchase, over %s, with MariaDB for %j', (transport, of) => {
  const cleanup = new Cleanup();
  let fixture: Fixture;
  let sku: string;

  beforeAll(async () => {
    const server = of.length > 0 ? cleanup.stopLater(await startMariaDb({ install: true })) : undefined;
    fixture = cleanup.stopLater(
      await startFixture({
        ...(transport === 'direct' && { transport }),
        ...(server && { mariaDb: { server, of } }),
      }),
    );
  }, 120_000);
  afterAll(() => cleanup.run());
  beforeEach(() => (sku = `sku-${randomUUID()}`));

  it('is answered at once, and completed when the order exists', async () => {
    const { shop, services } = fixture;
    const userId = await shop.createUser(1_000);
    await shop.setStock(sku, 5);

    const { status, body } = await shop.purchase({ userId, sku, quantity: 2, amount: 300 });
    expect(status).toBe(202);
    expect(body).toEqual({
      id: expect.any(String),
      userId,
      sku,
      quantity: 2,
      amount: 300,
      status: 'pending',
      messageId: expect.any(String),
    });
    expect(await shop.settled(body.id)).toEqual({ ...body, status: 'completed', orderId: body.id });
    expect(await shop.balance(userId)).toBe(700);
    expect(await shop.stock(sku)).toBe(3);

    const order = { id: body.id, userId, sku, quantity: 2, amount: 300, createdAt: expect.any(String) };
    expect(await send('GET', `${services.order.url}/orders/${body.id}`)).toEqual({ status: 200, body: order });
    expect(await send('GET', `${services.order.url}/orders?userId=${userId}`)).toEqual({ status: 200, body: [order] });
  });

  it('is another one by any character of its key, and of another thing by any of its sku', async () => {
    const { shop } = fixture;
    const userId = await shop.createUser(1_000);
    await shop.setStock(`${sku}-a`, 5);
    await shop.setStock(`${sku}-A`, 7);
    const request = { userId, sku: `${sku}-a`, quantity: 1, amount: 300 };
    const bought = [await shop.purchase(request, 'order-1'), await shop.purchase(request, 'ORDER-1')];
    expect(bought.map(({ status }) => status)).toEqual([202, 202]);
    for (const { body } of bought) expect(await shop.settled(body.id)).toMatchObject({ status: 'completed' });
    expect([await shop.balance(userId), await shop.stock(`${sku}-a`), await shop.stock(`${sku}-A`)]).toEqual([
      400, 3, 7,
    ]);
  });

  it('has a timeline that ends with the verdict', async () => {
    const { shop, services } = fixture;
    const userId = await shop.createUser(1_000);
    await shop.setStock(sku, 5);
    const { body } = await shop.purchase({ userId, sku, quantity: 1, amount: 300 });
    await shop.settled(body.id);

    const timeline = await send('GET', `${services.user.url}/purchases/${body.id}/timeline`);
    expect(timeline).toMatchObject({
      status: 200,
      body: {
        messageId: body.messageId,
        type: 'order.requested',
        deliveries: [{ consumer: 'order-service', state: 'completed', verdict: 'accepted' }],
      },
    });
    const [delivery] = timeline.body.deliveries;
    expect(delivery.events[0].event).toBe('recorded');
    expect(delivery.events.at(-1).event).toBe('settled');
    expect(delivery).not.toHaveProperty('nextTryAt');
  });

  it.each([
    ['OUT_OF_STOCK', 'there is too little of the product', 1],
    ['UNKNOWN_SKU', 'there is no such product', undefined],
  ])('is refunded with %s when %s', async (reason, _when, stock) => {
    const { shop, services } = fixture;
    const userId = await shop.createUser(1_000);
    if (stock !== undefined) await shop.setStock(sku, stock);

    const { body } = await shop.purchase({ userId, sku, quantity: 2, amount: 300 });
    expect(await shop.settled(body.id)).toEqual({ ...body, status: 'refunded', reason });
    expect(await shop.balance(userId)).toBe(1_000);
    expect(await send('GET', `${services.order.url}/orders/${body.id}`)).toMatchObject({ status: 404 });
    if (stock !== undefined) expect(await shop.stock(sku)).toBe(stock);
  });

  it('cannot spend money that is not there, however many come at once', async () => {
    const { shop } = fixture;
    const userId = await shop.createUser(1_000);
    await shop.setStock(sku, 12); // enough: a refund would be money again
    const one = { userId, sku, quantity: 1, amount: 150 };
    const answers = await Promise.all(Array.from({ length: 12 }, () => shop.purchase(one)));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(6).fill(202), ...Array(6).fill(409)]);

    const taken = answers.filter(({ status }) => status === 202);
    const ends = await Promise.all(taken.map(({ body }) => shop.settled(body.id)));
    expect(ends.map(({ status }) => status)).toEqual(Array(6).fill('completed'));
    expect(await shop.balance(userId)).toBe(1_000 - 6 * 150);
    expect(await shop.stock(sku)).toBe(12 - 6);
  });

  it('cannot sell pieces that are not there, however many come at once', async () => {
    const { shop } = fixture;
    const userId = await shop.createUser(12 * 150);
    await shop.setStock(sku, 4);
    const one = { userId, sku, quantity: 1, amount: 150 };
    const answers = await Promise.all(Array.from({ length: 12 }, () => shop.purchase(one)));
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(202));

    const ends = await Promise.all(answers.map(({ body }) => shop.settled(body.id)));
    expect(ends.map(({ status }) => status).sort()).toEqual([
      ...Array(4).fill('completed'),
      ...Array(8).fill('refunded'),
    ]);
    expect(await shop.balance(userId)).toBe(12 * 150 - 4 * 150);
    expect(await shop.stock(sku)).toBe(0);
  });

  it('leaves two databases that agree', async () => {
    expect(await audit({ databaseUrls: fixture.databaseUrls })).toEqual([]);
  });
});
