import { Cleanup, connectDatabase, type DatabaseClient, findMariaDb, testDatabase } from '@tallystick/services';
import { readEvidence } from './evidence';
import { idOf, Pictures } from './picture';

const ADA = '00000000-0000-4000-8000-00000000000a';
const BO = '00000000-0000-4000-8000-00000000000b';
/** Two that are of now, the second newer, and one from before the demo began. */
const [BOUGHT, REFUNDED] = [idOf(Date.now() + 1_000), idOf(Date.now() + 2_000)];
const OLD = idOf(Date.now() - 3_600_000);

/** The columns that are looked at. */
const USER_TABLES = [
  'create table users (id uuid primary key, name varchar(40), balance bigint)',
  'create table purchases (id uuid primary key, user_id uuid, sku varchar(40), quantity integer, amount bigint, status varchar(20), reason varchar(40), message_id uuid)',
  'create table outbox_message (id char(36), aggregateid varchar(40))',
  'create table outbox_delivery (message_id char(36), state varchar(20), attempts integer, verdict varchar(8), code varchar(40), settled_at timestamp)',
];
const ORDER_TABLES = [
  'create table orders (id uuid primary key, user_id uuid, sku varchar(40), quantity integer, amount bigint)',
  'create table stock (sku varchar(40) primary key, quantity integer)',
];

describe.each([
  ['PostgreSQL', 'uuid', 'json'],
  ['MariaDB', 'char(36)', 'longtext'],
] as const)('The picture of two databases, on %s', (kind, uuid, json) => {
  const cleanup = new Cleanup();
  let urls: { user: string; order: string };
  let clients: { user: DatabaseClient; order: DatabaseClient };

  beforeAll(async () => {
    const server = kind === 'MariaDB' ? cleanup.stopLater(await findMariaDb({ install: true })) : undefined;
    const create = (): Promise<string> => server?.createDatabase() ?? testDatabase('picture');
    urls = { user: await create(), order: await create() };
    clients = { user: await connectDatabase(urls.user), order: await connectDatabase(urls.order) };
    for (const table of USER_TABLES) await clients.user.ask(table.replaceAll('char(36)', uuid));
    for (const table of ORDER_TABLES) await clients.order.ask(table);
    await clients.order.ask(`create table inbox_message (message_id ${uuid}, verdict varchar(8), reason ${json})`);
    await clients.user.ask('insert into users values (?, ?, 900), (?, ?, 5)', [ADA, 'Ada', BO, 'Bo']);
    const purchase = 'insert into purchases values (?, ?, ?, ?, ?, ?, ?, ?)';
    await clients.user.ask(purchase, [BOUGHT, ADA, 'tea', 1, 100, 'completed', null, BOUGHT]);
    await clients.user.ask(purchase, [REFUNDED, ADA, 'tea', 9, 500, 'refunded', 'OUT_OF_STOCK', REFUNDED]);
    await clients.user.ask(purchase, [OLD, BO, 'tea', 1, 1, 'completed', null, OLD]);
    for (const [id, state, attempts, verdict] of [
      [BOUGHT, 'completed', 1, 'accepted'],
      [REFUNDED, 'compensated', 2, 'rejected'],
      [OLD, 'completed', 1, 'accepted'],
    ] as const) {
      await clients.user.ask('insert into outbox_message values (?, ?)', [id, ADA]);
      const delivery = 'insert into outbox_delivery values (?, ?, ?, ?, null, now())';
      await clients.user.ask(delivery, [id, state, attempts, verdict]);
    }
    await clients.order.ask('insert into orders values (?, ?, ?, 1, 100)', [BOUGHT, ADA, 'tea']);
    await clients.order.ask(`insert into stock values ('tea', 7), ('coffee', 1)`);
    const inbox = 'insert into inbox_message values (?, ?, ?)';
    await clients.order.ask(inbox, [BOUGHT, 'accepted', null]);
    await clients.order.ask(inbox, [REFUNDED, 'rejected', '{"code":"OUT_OF_STOCK"}']);
  });
  afterAll(async () => {
    await clients.user.end();
    await clients.order.end();
    await cleanup.run();
  });

  it('has the rows of this demo, the newest first, and counts them', async () => {
    const surroundings = { running: () => ({ user: true, order: true }), queues: () => Promise.resolve(undefined) };
    const pictures = new Pictures(urls, new Map([[ADA, 1_000]]), surroundings);
    try {
      const { messages, tables, counters, invariants } = await pictures.take();
      expect(messages).toEqual([
        { id: REFUNDED, at: 'refunded' },
        { id: BOUGHT, at: 'completed' },
      ]);
      expect(tables).toEqual({
        users: [{ name: 'Ada', balance: 900 }],
        purchases: [
          { id: REFUNDED, sku: 'tea', quantity: 9, amount: 500, status: 'refunded', reason: 'OUT_OF_STOCK' },
          { id: BOUGHT, sku: 'tea', quantity: 1, amount: 100, status: 'completed', reason: null },
        ],
        outbox_delivery: [
          { message_id: REFUNDED, state: 'compensated', attempts: 2, verdict: 'rejected' },
          { message_id: BOUGHT, state: 'completed', attempts: 1, verdict: 'accepted' },
        ],
        stock: [{ sku: 'tea', quantity: 7 }],
        orders: [{ id: BOUGHT, sku: 'tea', quantity: 1, amount: 100 }],
        inbox_message: [
          { message_id: REFUNDED, verdict: 'rejected', reason: 'OUT_OF_STOCK' },
          { message_id: BOUGHT, verdict: 'accepted', reason: null },
        ],
      });
      expect(counters).toEqual({ purchases: 2, open: 0, completed: 1, refunded: 1, orders: 1, again: 1 });
      expect(invariants.filter(({ holds }) => !holds)).toEqual([]);
      const evidence = await readEvidence(
        { user: pictures.now('user'), order: pictures.now('order') },
        { userId: ADA, sku: 'tea' },
      );
      expect(evidence).toMatchObject({ balance: 900, left: 7, orders: [{ id: BOUGHT, quantity: 1, amount: 100 }] });
      expect(evidence.purchases.map(({ id, amount, status }) => [id, amount, status])).toEqual([
        [BOUGHT, 100, 'completed'],
        [REFUNDED, 500, 'refunded'],
      ]);
      expect(evidence.inbox.map(({ id, verdict }) => [id, verdict])).toEqual([
        [BOUGHT, 'accepted'],
        [REFUNDED, 'rejected'],
      ]);
    } finally {
      await pictures.close();
    }
  });
});
