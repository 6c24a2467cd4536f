import { Client } from 'pg';
import { testDatabase } from '@tallystick/services';
import { checkInvariants } from './invariants';
import { TEXTS } from './texts';

const ADA = '00000000-0000-4000-8000-00000000000a';
const [BOUGHT, REFUNDED] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
const DEPOSITS = new Map([[ADA, 1_000]]);

/** The columns that are looked at. */
const USER_TABLES = `
  create table users (id uuid, balance bigint);
  create table purchases (id uuid, user_id uuid, sku text, quantity integer, amount bigint, status text, message_id uuid);
  create table outbox_message (id uuid, payload json);
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
  insert into outbox_message select id, json_build_object('userId', user_id) from purchases;
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
    (await checkInvariants(databases, DEPOSITS, TEXTS.en)).filter(({ holds }) => !holds).map(({ claim }) => claim);

  it('hold when every purchase came to its end', async () => {
    expect(await broken()).toEqual([]);
  });

  it('are about the users of the story only', async () => {
    await run(databases.user, `insert into users values (gen_random_uuid(), 5)`);
    await run(databases.order, `insert into orders values (gen_random_uuid(), gen_random_uuid(), 'tea', 1, 1)`);
    expect(await broken()).toEqual([]);
  });

  const [money, message, order, open] = [/^Money/, /has its message/, /has its order/, /No delivery is open/];
  it.each<[string, 'user' | 'order', string, RegExp[]]>([
    ['money appeared', 'user', 'update users set balance = balance + 1', [money]],
    ['a refund was forgotten', 'user', 'update users set balance = balance - 500', [money]],
    ['a message was lost', 'user', `delete from outbox_message where id = '${BOUGHT}'`, [message]],
    [
      'a message has no purchase',
      'user',
      `insert into outbox_message select gen_random_uuid(), payload from outbox_message limit 1`,
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
    expect(await broken()).toEqual(claims.map((claim) => expect.stringMatching(claim)));
  });
});

async function run(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}
