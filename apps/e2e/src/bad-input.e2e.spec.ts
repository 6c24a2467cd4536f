import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { type Fixture, startFixture } from './fixture';
import { send } from './shop';

const nobody = '00000000-0000-0000-0000-000000000000';
const text = {
  missing: undefined,
  number: 7,
  empty: '',
  blank: '  ',
  list: ['a'],
  object: {},
  'a zero byte': 'a\u0000b',
};
const whole = { missing: undefined, text: '5', null: null, fraction: 1.5, negative: -1, unsafe: 2 ** 53, list: [5] };
const uuid = { missing: undefined, text: 'me', number: 7, list: [nobody] };

describe('bad input', () => {
  let fixture: Fixture;
  let userId: string;
  let before: string;

  beforeAll(async () => {
    fixture = await startFixture();
    userId = await fixture.shop.createUser(1_000);
    before = await everything();
  }, 120_000);
  afterAll(() => fixture?.stop());
  afterEach(async () => expect(await everything()).toBe(before));

  const user = (path: string): string => fixture.services.user.url + path;
  const order = (path: string): string => fixture.services.order.url + path;
  const purchase = (): object => ({ userId, sku: 'tally-stick', quantity: 1, amount: 100 });

  it('does not reach the page of the outbox from anywhere but this machine', async () => {
    expect((await fetch(user('/outbox/api/me'))).status).toBe(200);
    expect((await fetch(user('/outbox/api/me'), { headers: { 'X-Forwarded-For': '203.0.113.7' } })).status).toBe(403);
    const write = await fetch(user('/outbox/api/actions'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'cross-site' },
      body: JSON.stringify({ verb: 'retry', targets: [{ id: nobody, to: 'order-service' }], reason: 'a trick' }),
    });
    expect(write.status).toBe(403);
  });

  describe.each([
    ['POST', '/users', 'name', { ...text, long: 'x'.repeat(101) }],
    ['POST', '/users', 'balance', whole],
    ['POST', '/purchases', 'userId', uuid],
    ['POST', '/purchases', 'sku', { ...text, long: 'x'.repeat(65) }],
    ['POST', '/purchases', 'quantity', { ...whole, zero: 0, 'too many': 2 ** 31 }],
    ['POST', '/purchases', 'amount', { ...whole, zero: 0 }],
    ['PUT', '/stock/tally-stick', 'quantity', { ...whole, 'too many': 2 ** 31 }],
  ])('%s %s: %s', (method, path, field, values: Record<string, unknown>) => {
    it.each(Object.keys(values))('%s is refused by name', async (kind) => {
      const good =
        path === '/users' ? { name: 'Ada', balance: 5 } : path === '/purchases' ? purchase() : { quantity: 5 };
      const url = path.startsWith('/stock') ? order(path) : user(path);
      const answer = await send(method, url, { ...good, [field]: values[kind] });
      expect(answer.status).toBe(400);
      expect(answer.body.message).toEqual(expect.arrayContaining([expect.stringContaining(field)]));
    });
  });

  it.each(['1e309', '-1e309', 'NaN', '1.0000000000000001e400'])('the amount %s is refused', async (amount) => {
    const body = JSON.stringify(purchase()).replace('100', amount);
    expect(await send('POST', user('/purchases'), body)).toMatchObject({ status: 400 });
  });

  it.each(['admin', 'id', '__proto__', 'constructor', 'toString'])(
    'an unknown field %s is refused by name',
    async (field) => {
      const body = JSON.stringify(purchase()).replace('{', `{"${field}": 1,`);
      const answer = await send('POST', user('/purchases'), body);
      expect(answer.status).toBe(400);
      expect(JSON.stringify(answer.body)).toContain(field);
    },
  );

  it.each(['{', '[]', 'null', '"text"', '[{}]', ''])('the body %j is refused', async (body) => {
    expect(await send('POST', user('/users'), body)).toMatchObject({ status: 400 });
  });

  it('a body of a megabyte is refused', async () => {
    expect(await send('POST', user('/users'), { name: 'x'.repeat(2 ** 20), balance: 1 })).toMatchObject({
      status: 413,
    });
  });

  it.each(['/users/me', '/purchases/1', '/purchases/1/timeline'])('GET %s names the parameter', async (path) => {
    expect(await send('GET', user(path))).toMatchObject({
      status: 400,
      body: { message: [expect.stringContaining('id')] },
    });
  });

  it.each(['/orders/1', '/orders', '/orders?userId=me', `/orders?userId=${nobody}&all=1`])(
    'GET %s is refused',
    async (path) => {
      expect(await send('GET', order(path))).toMatchObject({ status: 400 });
    },
  );

  it.each(['/users', '/purchases'])('GET %s of somebody unknown is not found', async (path) => {
    expect(await send('GET', user(`${path}/${nobody}`))).toMatchObject({ status: 404 });
  });

  it.each([`/orders/${nobody}`, '/stock/unknown'])('GET %s is not found', async (path) => {
    expect(await send('GET', order(path))).toMatchObject({ status: 404 });
  });

  it('a purchase for an unknown user is not found, and nothing is recorded', async () => {
    const answer = await send('POST', user('/purchases'), { ...purchase(), userId: randomUUID() });
    expect(answer.status).toBe(404);
  });

  it('a purchase above the balance is a conflict, and nothing is recorded', async () => {
    const answer = await send('POST', user('/purchases'), { ...purchase(), amount: 1_001 });
    expect(answer.status).toBe(409);
  });

  /** What there is in both databases: the sum of the balances, and how many rows. */
  async function everything(): Promise<string> {
    const { databaseUrls } = fixture;
    const user = await counts(databaseUrls.user, 'users', 'purchases', 'outbox_message', 'outbox_delivery');
    const [balance] = await query(databaseUrls.user, 'select sum(balance) as balance from users');
    const order = await counts(databaseUrls.order, 'stock', 'orders', 'inbox_message');
    return JSON.stringify({ ...user, ...balance, ...order });
  }
});

async function counts(url: string, ...tables: string[]): Promise<object> {
  const [row] = await query(
    url,
    `select ${tables.map((table) => `(select count(*) from ${table}) as ${table}`).join(', ')}`,
  );
  return row!;
}

async function query(url: string, sql: string): Promise<object[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<object>(sql)).rows;
  } finally {
    await client.end();
  }
}
