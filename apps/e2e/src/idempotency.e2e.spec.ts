import { audit } from './audit';
import { type Fixture, startFixture } from './fixture';

describe('Idempotency-Key', () => {
  const sku = 'tally-stick';
  let fixture: Fixture;

  beforeAll(async () => {
    fixture = await startFixture();
    await fixture.shop.setStock(sku, 1_000);
  }, 120_000);
  afterAll(() => fixture?.stop());

  it('makes a repeated request find the first purchase', async () => {
    const { shop } = fixture;
    const userId = await shop.createUser(1_000);
    const first = await shop.purchase({ userId, sku, quantity: 1, amount: 400 }, 'again');
    const ended = await shop.settled(first.body.id);
    const second = await shop.purchase({ userId, sku, quantity: 1, amount: 400 }, 'again');
    expect(second).toEqual({ status: 202, body: ended });
    expect(await shop.balance(userId)).toBe(600);
  });

  it('makes twenty requests at once one purchase, even when the money is enough for one only', async () => {
    const { shop } = fixture;
    const userId = await shop.createUser(400);
    const request = { userId, sku, quantity: 1, amount: 400 };
    const answers = await Promise.all(Array.from({ length: 20 }, () => shop.purchase(request, 'at once')));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(202));
    expect(new Set(answers.map(({ body }) => `${body.id} ${body.messageId}`)).size).toBe(1);
    expect(await shop.balance(userId)).toBe(0);
    await shop.settled(answers[0]!.body.id);
  });

  it('refuses the key of another purchase', async () => {
    const { shop } = fixture;
    const userId = await shop.createUser(1_000);
    const request = { userId, sku, quantity: 1, amount: 400 };
    await shop.purchase(request, 'mine');
    for (const other of [{ sku: 'other' }, { quantity: 2 }, { amount: 401 }]) {
      expect(await shop.purchase({ ...request, ...other }, 'mine')).toMatchObject({ status: 422 });
    }
    expect(await shop.balance(userId)).toBe(600);
  });

  it('belongs to its user', async () => {
    const { shop } = fixture;
    const [ada, bob] = [await shop.createUser(1_000), await shop.createUser(1_000, 'Bob')];
    const first = await shop.purchase({ userId: ada, sku, quantity: 1, amount: 400 }, 'shared');
    const second = await shop.purchase({ userId: bob, sku, quantity: 1, amount: 400 }, 'shared');
    expect(second.status).toBe(202);
    expect(second.body.id).not.toBe(first.body.id);
  });

  it('is not used up by a purchase that was refused', async () => {
    const { shop } = fixture;
    const userId = await shop.createUser(100);
    expect(await shop.purchase({ userId, sku, quantity: 1, amount: 400 }, 'retry')).toMatchObject({ status: 409 });
    expect(await shop.purchase({ userId, sku, quantity: 1, amount: 100 }, 'retry')).toMatchObject({ status: 202 });
  });

  it.each(['', 'k'.repeat(256)])('must have 1 to 255 characters, unlike %j', async (key) => {
    const { shop } = fixture;
    const userId = await shop.createUser(1_000);
    const answer = await shop.purchase({ userId, sku, quantity: 1, amount: 400 }, key);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain('Idempotency-Key');
    expect(await shop.balance(userId)).toBe(1_000);
  });

  it('may have 255 characters', async () => {
    const { shop } = fixture;
    const userId = await shop.createUser(1_000);
    const request = { userId, sku, quantity: 1, amount: 400 };
    expect(await shop.purchase(request, 'k'.repeat(255))).toMatchObject({ status: 202 });
  });

  it('leaves two databases that agree', async () => {
    const { shop, databaseUrls } = fixture;
    const userId = await shop.createUser(1_000);
    await shop.settled((await shop.purchase({ userId, sku, quantity: 1, amount: 1 })).body.id);
    expect(await audit({ databaseUrls, stocked: 1_000, settled: false })).toEqual([]);
  });
});
