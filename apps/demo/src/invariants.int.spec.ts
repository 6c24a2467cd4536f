import { Client } from 'pg';
import { numbered, testDatabase } from '@tallystick/services';
import { type Ask, checkInvariants, checkWhileRunning } from './invariants';

const ADA = '00000000-0000-4000-8000-00000000000a';
const [BOUGHT, REFUNDED] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
const DEPOSITS = new Map([[ADA, 1_000]]);

/** The columns that are looked at. */
const USER_TABLES = `
  create table users (id uuid, balance bigint);
  create table purchases (id uuid, user_id uuid, sku text, quantity integer, amount bigint, status text, message_id uuid);
  create table outbox_message (id uuid, aggregateid text);
  create table outbox_delivery (message_id uuid, state text, settled_at timestamptz)`;
const ORDER_TABLES = `
  create table orders (id uuid, user_id uuid, sku text, quantity integer, amount bigint)`;

/** Two purchases that ended as they should: one completed, one refunded. */
const USER_ROWS = `
  truncate users, purchases, outbox_message, outbox_delivery;
  insert into users values ('${ADA}', 900);
  insert into purchases values
    ('${BOUGHT}', '${ADA}', 'tea', 1, 100, 'completed', '${BOUGHT}'),
    ('${REFUNDED}', '${ADA}', 'tea', 9, 500, 'refunded', '${REFUNDED}');
  insert into outbox_message select id, user_id from purchases;
  insert into outbox_delivery values ('${BOUGHT}', 'completed', now()), ('${REFUNDED}', 'compensated', now())`;
const ORDER_ROWS = `
  truncate orders;
  insert into orders values ('${BOUGHT}', '${ADA}', 'tea', 1, 100)`;

describe('the invariants', () => {
  let databases: { user: string; order: string };

  beforeAll(async () => {
    databases = { user: await testDatabase('invariants'), order: await testDatabase('invariants') };
    await run(databases.user, USER_TABLES);
    await run(databases.order, ORDER_TABLES);
  });
  beforeEach(async () => {
    await run(databases.user, USER_ROWS);
    await run(databases.order, ORDER_ROWS);
  });

  const broken = async (): Promise<string[]> =>
    (await checkInvariants(databases, DEPOSITS)).filter(({ holds }) => !holds).map(({ claim }) => claim);

  it('hold when every purchase came to its end', async () => {
    expect(await broken()).toEqual([]);
  });

  it('are about the users of the story only', async () => {
    await run(databases.user, `insert into users values (gen_random_uuid(), 5)`);
    await run(databases.order, `insert into orders values (gen_random_uuid(), gen_random_uuid(), 'tea', 1, 1)`);
    expect(await broken()).toEqual([]);
  });

  const [money, message, order, open] = ['money', 'message', 'order', 'open'] as const;
  it.each<[string, 'user' | 'order', string, string[]]>([
    ['money appeared', 'user', 'update users set balance = balance + 1', [money]],
    ['a refund was forgotten', 'user', 'update users set balance = balance - 500', [money]],
    ['a message was lost', 'user', `delete from outbox_message where id = '${BOUGHT}'`, [message]],
    [
      'a message has no purchase',
      'user',
      `insert into outbox_message select gen_random_uuid(), aggregateid from outbox_message limit 1`,
      [message],
    ],
    ['an order was lost', 'order', 'delete from orders', [order]],
    ['an order differs from its purchase', 'order', 'update orders set quantity = 2', [order]],
    [
      'goods were sent although the money went back',
      'order',
      `insert into orders values ('${REFUNDED}', '${ADA}', 'tea', 9, 500)`,
      [order],
    ],
    ['an order came twice', 'order', 'insert into orders select * from orders', [order]],
    [
      'a delivery is open',
      'user',
      `update outbox_delivery set state = 'sent', settled_at = null where message_id = '${BOUGHT}'`,
      [open],
    ],
    [
      'a delivery ended otherwise than its purchase',
      'user',
      `update outbox_delivery set state = 'compensated'`,
      [open],
    ],
    ['a purchase is pending', 'user', `update purchases set status = 'pending' where id = '${BOUGHT}'`, [order, open]],
  ])('notice when %s', async (_, side, sql, claims) => {
    await run(databases[side], sql);
    expect(await broken()).toEqual(claims);
  });

  describe('of every moment', () => {
    const ask =
      (side: 'user' | 'order'): Ask =>
      async <Row extends object>(sql: string, values: readonly unknown[] = []) =>
        (await run(databases[side], sql, values)) as Row[];
    const brokenNow = async (meanwhile = (): Promise<unknown> => Promise.resolve()): Promise<string[]> => {
      const order: Ask = async (sql, values) => {
        await meanwhile();
        return ask('order')(sql, values);
      };
      const asks = { user: ask('user'), order, userNow: ask('user') };
      const findings = await checkWhileRunning(asks, DEPOSITS, '00000000-0000-0000-0000-000000000000');
      return findings.filter(({ holds }) => !holds).map(({ claim }) => claim);
    };
    const LATE = '00000000-0000-4000-8000-000000000003';
    const buy = `
      update users set balance = balance - 100;
      insert into purchases values ('${LATE}', '${ADA}', 'tea', 1, 100, 'pending', '${LATE}');
      insert into outbox_message select id, user_id from purchases where id = '${LATE}';
      insert into outbox_delivery values ('${LATE}', 'pending', null)`;
    const order = `insert into orders values ('${LATE}', '${ADA}', 'tea', 1, 100)`;

    it('hold while a purchase is on its way, with its order and without', async () => {
      await run(databases.user, buy);
      expect(await brokenNow()).toEqual([]);
      await run(databases.order, order);
      expect(await brokenNow()).toEqual([]);
    });

    it('hold when a purchase comes, and even its order, while they are computed', async () => {
      const meanwhile = async (): Promise<void> => {
        await run(databases.user, buy);
        await run(databases.order, order);
      };
      expect(await brokenNow(meanwhile)).toEqual([]);
    });

    it.each<[string, 'user' | 'order', string, string]>([
      ['money appeared', 'user', 'update users set balance = balance + 1', 'money'],
      ['a message was lost', 'user', `delete from outbox_message where id = '${BOUGHT}'`, 'message'],
      ['an order nobody bought is there', 'order', order, 'orderSoFar'],
      ['the order of a completed purchase is missing', 'order', 'delete from orders', 'orderSoFar'],
      ['an order differs from its purchase', 'order', 'update orders set quantity = 2', 'orderSoFar'],
      ['an order came twice', 'order', 'insert into orders select * from orders', 'orderSoFar'],
      [
        'goods were sent although the money went back',
        'order',
        `insert into orders values ('${REFUNDED}', '${ADA}', 'tea', 9, 500)`,
        'orderSoFar',
      ],
      [
        'a delivery ended otherwise than its purchase',
        'user',
        `update outbox_delivery set state = 'compensated'`,
        'ended',
      ],
    ])('notice when %s', async (_, side, sql, claim) => {
      await run(databases[side], sql);
      expect(await brokenNow()).toEqual([claim]);
    });
  });
});

async function run(url: string, sql: string, values?: readonly unknown[]): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(values ? numbered(sql) : sql, values && [...values])).rows;
  } finally {
    await client.end();
  }
}
