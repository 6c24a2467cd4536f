import { Cleanup, findMariaDb, testBroker, testDatabase, until } from '@tallystick/services';
import { closedLoop, newOrder } from '../business/load';
import { ordersSchema, usersSchema } from '../business/sql';
import type { Consumer, Producer } from '../business/sides';
import { asking, ENGINES } from '../engines/engine';
import { createTables } from '../scenarios/databases';
import { HandWrittenConsumer } from './consumer';
import { EntityInboxConsumer, EntityOutboxProducer } from './entity-outbox';
import { HandWrittenProducer } from './producer';
import { inboxSchema, outboxSchema } from './schema';

const PURCHASES = 40;

interface Place {
  readonly databaseUrl: string;
  readonly amqpUrl: string;
}

interface Baseline {
  readonly name: string;
  producer(place: Place): Producer;
  consumer(place: Place): Consumer;
  /** After how many attempts a row is completed that somebody left behind in its first; the serial ones do not count. */
  readonly attempts: number;
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
    attempts: 2,
  },
  {
    name: '(b) hand-written, batched',
    producer: (place) => new HandWrittenProducer({ ...place, poolSize: 4, marks: 'coalesced' }),
    consumer: (place) => new HandWrittenConsumer({ ...place, concurrency: 4, transactions: 'batched' }),
    attempts: 2,
  },
  {
    name: '(d) through entities',
    producer: (place) => new EntityOutboxProducer({ ...place, poolSize: 4 }),
    consumer: (place) => new EntityInboxConsumer({ ...place, concurrency: 4 }),
    attempts: 2,
  },
  {
    name: '(a), one at a time',
    producer: (place) => new HandWrittenProducer({ ...place, poolSize: 4, marks: 'single', serial: true }),
    consumer: (place) => new HandWrittenConsumer({ ...place, concurrency: 4, transactions: 'single' }),
    attempts: 1,
  },
  {
    name: '(d), one at a time',
    producer: (place) => new EntityOutboxProducer({ ...place, poolSize: 4, serial: true }),
    consumer: (place) => new EntityInboxConsumer({ ...place, concurrency: 4 }),
    attempts: 1,
  },
];

describe.each(ENGINES)('on %s', (engine) => {
  const cleanup = new Cleanup();
  let newDatabase: () => Promise<string>;

  beforeAll(async () => {
    newDatabase = engine === 'postgres' ? () => testDatabase('baseline') : await onMariaDb(cleanup);
  });
  afterAll(() => cleanup.run());

  describe.each(BASELINES)('the round trip of $name', ({ producer, consumer, attempts: counted }) => {
    let users: Place;
    let orders: Place;
    const running: { stop(): Promise<void> }[] = [];

    beforeAll(async () => {
      const amqpUrl = await testBroker('baseline');
      users = { amqpUrl, databaseUrl: await newDatabase() };
      orders = { amqpUrl, databaseUrl: await newDatabase() };
      await createTables(users.databaseUrl, outboxSchema(engine) + usersSchema(engine));
      await createTables(orders.databaseUrl, inboxSchema(engine) + ordersSchema(engine));
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
      const [taken] = await idsIn(users, 'select sum(1000000000000 - balance) as id from account');
      expect(Number(taken)).toBe(PURCHASES * 100);
      const completed = await idsIn(users, `select id from outbox where state = 'completed' order by id`);
      expect(completed).toHaveLength(PURCHASES);
      expect(await idsIn(orders, 'select message_id as id from inbox order by message_id')).toEqual(completed);
    });

    it('sends what a process left behind when it crashed', async () => {
      const id = '0190ffff-0000-7000-8000-000000000001';
      const order = newOrder(1);
      await asking(users.databaseUrl, (ask) =>
        ask(
          `insert into outbox (id, type, payload, state, attempts, next_at) values (?, 'order.requested', ?, 'pending', 1, ${LONG_AGO})`,
          [id, JSON.stringify(order)],
        ),
      );
      await start(consumer(orders));
      await start(producer(users));
      const attempts = `select attempts as id from outbox where id = '${id}' and state = 'completed'`;
      await until('the row is completed', async () => (await idsIn(users, attempts)).length === 1);
      expect(await idsIn(users, attempts)).toEqual([counted]);
      expect(await idsIn(orders, `select id from orders where id = '${order.purchaseId}'`)).toHaveLength(1);
    });
  });
});

/** An instant, whatever the zone of the session. */
const LONG_AGO = "'2020-01-01'";

async function onMariaDb(cleanup: Cleanup): Promise<() => Promise<string>> {
  const server = cleanup.stopLater(await findMariaDb({ install: true }));
  return async () => {
    const url = await server.createDatabase();
    cleanup.defer(() => server.dropDatabase(url));
    return url;
  };
}

async function idsIn({ databaseUrl }: Place, sql: string): Promise<unknown[]> {
  return asking(databaseUrl, async (ask) => (await ask<{ id: unknown }>(sql)).map(({ id }) => id));
}
