import { testBroker, testDatabase, until } from '@tallystick/services';
import { closedLoop, newOrder } from '../business/load';
import { ORDERS_SCHEMA, USERS_SCHEMA } from '../business/sql';
import type { Consumer, Producer } from '../business/sides';
import { withClient } from '../harness/stage';
import { HandWrittenConsumer } from './consumer';
import { EntityInboxConsumer, EntityOutboxProducer } from './entity-outbox';
import { HandWrittenProducer } from './producer';
import { INBOX_SCHEMA, OUTBOX_SCHEMA } from './schema';

const PURCHASES = 40;

interface Place {
  readonly databaseUrl: string;
  readonly amqpUrl: string;
}

interface Baseline {
  readonly name: string;
  producer(place: Place): Producer;
  consumer(place: Place): Consumer;
}

/**
 * Both services in this process, with small pools. Not (c): golevelup serves one application per process, so that one is
 * checked where it is measured.
 */
const BASELINES: readonly Baseline[] = [
  {
    name: '(a) hand-written, one update per mark',
    producer: (place) => new HandWrittenProducer({ ...place, poolSize: 4, marks: 'single' }),
    consumer: (place) => new HandWrittenConsumer({ ...place, concurrency: 4, transactions: 'single' }),
  },
  {
    name: '(b) hand-written, batched',
    producer: (place) => new HandWrittenProducer({ ...place, poolSize: 4, marks: 'coalesced' }),
    consumer: (place) => new HandWrittenConsumer({ ...place, concurrency: 4, transactions: 'batched' }),
  },
  {
    name: '(d) through entities',
    producer: (place) => new EntityOutboxProducer({ ...place, poolSize: 4 }),
    consumer: (place) => new EntityInboxConsumer({ ...place, concurrency: 4 }),
  },
];

describe.each(BASELINES)('the round trip of $name', ({ producer, consumer }) => {
  let users: Place;
  let orders: Place;
  const running: { stop(): Promise<void> }[] = [];

  beforeAll(async () => {
    const amqpUrl = await testBroker('baseline');
    users = { amqpUrl, databaseUrl: await tables(OUTBOX_SCHEMA + USERS_SCHEMA) };
    orders = { amqpUrl, databaseUrl: await tables(INBOX_SCHEMA + ORDERS_SCHEMA) };
  });

  afterEach(async () => {
    for (const service of running.splice(0).reverse()) await service.stop();
  });

  async function start<Service extends { start(): Promise<void>; stop(): Promise<void> }>(service: Service) {
    await service.start();
    running.push(service);
    return service;
  }

  it('takes the money once, creates one order and closes the row, for every purchase', async () => {
    await start(consumer(orders));
    const { committedAt } = await closedLoop(await start(producer(users)), { count: PURCHASES, concurrency: 8 });

    expect(committedAt.size).toBe(PURCHASES);
    const purchases = await idsIn(users, 'select id from purchase order by id');
    expect(purchases).toHaveLength(PURCHASES);
    expect(await idsIn(orders, 'select id from orders order by id')).toEqual(purchases);
    const taken = 'select sum(1000000000000 - balance)::int as id from account';
    expect(await idsIn(users, taken)).toEqual([PURCHASES * 100]);
    const completed = await idsIn(users, `select id from outbox where state = 'completed' order by id`);
    expect(completed).toHaveLength(PURCHASES);
    expect(await idsIn(orders, 'select message_id as id from inbox order by message_id')).toEqual(completed);
  });

  it('sends what a process left behind when it crashed', async () => {
    const id = '0190ffff-0000-7000-8000-000000000001';
    const order = newOrder(1);
    await withClient(users.databaseUrl, (client) =>
      client.query(
        `insert into outbox (id, type, payload, state, attempts, next_at) values ($1, 'order.requested', $2, 'pending', 1, now())`,
        [id, JSON.stringify(order)],
      ),
    );
    await start(consumer(orders));
    await start(producer(users));
    const attempts = `select attempts as id from outbox where id = '${id}' and state = 'completed'`;
    await until('the row is completed', async () => (await idsIn(users, attempts)).length === 1);
    expect(await idsIn(users, attempts)).toEqual([2]);
    expect(await idsIn(orders, `select id from orders where id = '${order.purchaseId}'`)).toHaveLength(1);
  });
});

async function tables(schema: string): Promise<string> {
  const url = await testDatabase('baseline');
  await withClient(url, (client) => client.query(schema));
  return url;
}

async function idsIn({ databaseUrl }: Place, sql: string): Promise<unknown[]> {
  return withClient(databaseUrl, async (client) => (await client.query<{ id: unknown }>(sql)).rows.map(({ id }) => id));
}
