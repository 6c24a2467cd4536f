import { Socket } from 'node:net';
import { Cleanup, type PostgresServer, startPostgres, testBroker, until } from '@tallystick/services';
import { outboxSchemaSql } from '@tallystick/outbox';
import { closedLoop, newOrder } from './business/load';
import type { Consumer, Producer } from './business/sides';
import { ordersSchema, usersSchema } from './business/sql';
import { withClient } from './engines/postgres';
import { StatementCounter } from './engines/postgres-statements';
import type { TimedStatement } from './engines/statements';
import { LibraryConsumer } from './library/consumer';
import { LibraryProducer } from './library/producer';
import { emptyQueue, LIBRARY_ORDERS } from './scenarios/drain';

/**
 * What one message costs on the happy path. PostgreSQL counts the statements, the broker's client is watched. Nothing
 * depends on how fast the machine is: while a burst is recorded the consumer is not there, and while it consumes the
 * producer is not, so that every batch is as full as it can be.
 */
const MESSAGES = 500;

interface Broker {
  publishes: number;
  /** Frames: one may stand for many messages. */
  acks: number;
  acked: number;
  /** System calls that wrote to it. */
  writes: number;
}

describe('what one message costs', () => {
  const cleanup = new Cleanup();
  const broker = watchBroker();
  const database = watchDatabase();
  let server: PostgresServer;
  let statements: StatementCounter;
  let users: { databaseUrl: string; amqpUrl: string };
  let orders: { databaseUrl: string; amqpUrl: string };
  /** AMQP messages, each with one receipt or several. */
  let receiptMessages: number;

  beforeAll(async () => {
    const settings = { shared_preload_libraries: 'pg_stat_statements' };
    server = cleanup.stopLater(await startPostgres({ settings }));
    statements = cleanup.stopLater(await StatementCounter.connect(server.url()));
    const amqpUrl = await testBroker('cost');
    users = { databaseUrl: await tables(usersSchema('postgres')), amqpUrl };
    orders = { databaseUrl: await tables(ordersSchema('postgres')), amqpUrl };
    await emptyQueue(amqpUrl, LIBRARY_ORDERS);
  }, 60_000);

  afterAll(() => cleanup.run());

  beforeEach(() => {
    database.roundTrips = 0;
    Object.assign(broker, { publishes: 0, acks: 0, acked: 0, writes: 0 });
  });

  async function during(service: Producer | Consumer, work: () => Promise<void>): Promise<void> {
    await service.start();
    try {
      await work();
    } finally {
      await service.stop();
    }
  }

  /** Everything the library executed since the last call, by name; and everything else, by text. */
  async function executed(databaseUrl: string): Promise<Map<string, TimedStatement>> {
    const found = (await statements.read([databaseUrl]))!;
    await statements.reset([databaseUrl]);
    return new Map(found.map((each) => [each.statement, each]));
  }

  async function tables(schema: string): Promise<string> {
    const url = await server.createDatabase();
    await withClient(url, (client) => client.query(`${outboxSchemaSql()}${schema} -- bench`));
    return url;
  }

  async function states(): Promise<Record<string, number>> {
    return withClient(users.databaseUrl, async (client) => {
      const { rows } = await client.query<{ state: string; count: number }>(
        'select state, count(*)::int from outbox_delivery group by state -- bench',
      );
      return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
    });
  }

  it('adds one statement to the business transaction, and publishes once, without a claim', async () => {
    const producer = new LibraryProducer({ ...users, poolSize: 4 });
    await during(producer, async () => {
      await executed(users.databaseUrl);
      database.roundTrips = 0;
      await producer.purchase(newOrder(0));
      // [BEGIN, debit], [purchase], [message, COMMIT]; after a second of silence BEGIN goes alone.
      expect(database.roundTrips).toBeLessThanOrEqual(4);
      await producer.purchaseMany(Array.from({ length: MESSAGES - 1 }, (_, number) => newOrder(number + 1)));
      await until('every message is sent', async () => (await states()).sent === MESSAGES);
    });

    const counted = await executed(users.databaseUrl);
    expect(counted.get('outbox.add-one')!.calls).toBe(1);
    expect(counted.get('outbox.add-many')!.calls).toBe(1);
    expect(counted.get('outbox.claim')?.rows ?? 0).toBe(0);
    expect(counted.get('outbox.mark')!.calls).toBeLessThanOrEqual(MESSAGES * 0.05);
    expect(namesOf(counted)).toEqual(['outbox.add-many', 'outbox.add-one', 'outbox.claim', 'outbox.mark']);
    expect(broker).toMatchObject({ publishes: MESSAGES, acks: 0, acked: 0 });
    expect(broker.writes).toBeGreaterThan(0);
    expect(broker.writes).toBeLessThanOrEqual(MESSAGES * 0.2);
  }, 60_000);

  it('adds one statement to the transaction of the handler, and answers in bundles', async () => {
    const consumer = new LibraryConsumer(orders);
    let handled = 0;
    consumer.onHandled = () => (handled += 1);
    await during(consumer, () => until('every message is acknowledged', () => broker.acked === MESSAGES));

    const counted = await executed(orders.databaseUrl);
    expect(handled).toBe(MESSAGES);
    expect(counted.get('inbox.begin')!.calls).toBe(MESSAGES);
    expect(counted.get('COMMIT')!.calls).toBe(MESSAGES);
    // [BEGIN, inbox row], [order], [COMMIT]
    expect(database.roundTrips).toBeLessThanOrEqual(MESSAGES * 3.2);
    expect(namesOf(counted)).toEqual(['inbox.begin', 'outbox.claim']);
    expect(broker.acked).toBe(MESSAGES);
    expect(broker.acks).toBeLessThanOrEqual(MESSAGES);
    expect(broker.publishes).toBeLessThanOrEqual(MESSAGES * 0.5);
    receiptMessages = broker.publishes;
  }, 60_000);

  it('closes rows in batches when their receipts come, and has learnt from them to send bundles', async () => {
    const producer = new LibraryProducer({ ...users, poolSize: 4 });
    await during(producer, async () => {
      await until('every row is completed', async () => (await states()).completed === MESSAGES);
      await until('every receipt is acknowledged', () => broker.acked === receiptMessages);

      const counted = await executed(users.databaseUrl);
      const closing = ['outbox.close-many', 'outbox.close-one'];
      expect(callsOf(counted, ...closing)).toBeLessThanOrEqual(MESSAGES * 0.05);
      expect(namesOf(counted).filter((name) => !closing.includes(name))).toEqual(['outbox.claim']);
      expect(broker.publishes).toBe(0);
      expect(broker.acks).toBeLessThanOrEqual(MESSAGES * 0.1);
      expect(broker.writes).toBeLessThanOrEqual(MESSAGES * 0.1);

      await producer.purchaseMany(Array.from({ length: MESSAGES }, (_, number) => newOrder(number)));
      await until('every message is sent', async () => (await states()).sent === MESSAGES);
      // How many are ready together is the machine's affair; without bundles it would be all of them.
      expect(broker.publishes).toBeLessThanOrEqual(MESSAGES * 0.8);
    });
  }, 60_000);
});

describe('what a message costs whose key is in order, and busy', () => {
  const cleanup = new Cleanup();
  afterAll(() => cleanup.run());

  it('is closed and followed by the next one in one statement; nothing is claimed', async () => {
    const count = 100;
    const settings = { shared_preload_libraries: 'pg_stat_statements' };
    const server = cleanup.stopLater(await startPostgres({ settings }));
    const statements = cleanup.stopLater(await StatementCounter.connect(server.url()));
    const amqpUrl = await testBroker('cost-in-line');
    const [users, orders] = [await server.createDatabase(), await server.createDatabase()];
    for (const [url, schema] of [
      [users, usersSchema('postgres')],
      [orders, ordersSchema('postgres')],
    ] as const)
      await withClient(url, (client) => client.query(`${outboxSchemaSql()}${schema} -- bench`));
    const consumer = new LibraryConsumer({ databaseUrl: orders, amqpUrl, inLine: true });
    const producer = new LibraryProducer({ databaseUrl: users, amqpUrl, poolSize: 4, inLine: true });
    await consumer.start();
    await producer.start();
    try {
      await statements.reset([users]);
      await closedLoop(producer, { count, concurrency: 8, users: 1 });
      const counted = new Map((await statements.read([users]))!.map((each) => [each.statement, each]));
      expect(counted.get('outbox.claim')?.rows ?? 0).toBe(0);
      const closing = ['outbox.close-and-take', 'outbox.close-one-and-take'];
      expect(callsOf(counted, ...closing)).toBeLessThanOrEqual(count);
      // Those that it closes are among them: nearly each is followed by one that was taken with it.
      expect(closing.reduce((rows, name) => rows + (counted.get(name)?.rows ?? 0), 0)).toBeGreaterThan(count * 1.5);
      // One look for each that was recorded, and those of an empty line.
      expect(counted.get('outbox.next-turn')!.calls).toBeLessThanOrEqual(count * 1.5);
    } finally {
      await producer.stop();
      await consumer.stop();
    }
  }, 60_000);
});

/** At boot, once. */
const AT_BOOT = [
  'inbox.register-handlers',
  'outbox.columns',
  'outbox.durability',
  'outbox.fingerprint',
  'outbox.isolation',
  'outbox.register-follow-ups',
  'outbox.schema-version',
  'outbox.where-is',
];

/** What was asked for messages; what is asked at boot was asked once. */
function namesOf(counted: ReadonlyMap<string, TimedStatement>): string[] {
  for (const name of AT_BOOT) expect([name, counted.get(name)?.calls ?? 1]).toEqual([name, 1]);
  return [...counted.keys()].filter((name) => /^(outbox|inbox)\.[\w-]+$/.test(name) && !AT_BOOT.includes(name)).sort();
}

function callsOf(counted: ReadonlyMap<string, TimedStatement>, ...names: readonly string[]): number {
  return names.reduce((calls, name) => calls + (counted.get(name)?.calls ?? 0), 0);
}

/** Counts what the application's own connections are asked for: each is one write and one wait. */
function watchDatabase(): { roundTrips: number } {
  interface Asked {
    readonly connectionParameters: { readonly application_name?: string };
  }
  const { prototype } = jest.requireActual<{ Client: { prototype: { query(...args: unknown[]): unknown } } }>(
    'pg',
  ).Client;
  const seen = { roundTrips: 0 };
  const { query } = prototype;
  prototype.query = function (this: Asked, ...args) {
    const ofTheLibrary = this.connectionParameters.application_name?.endsWith('(outbox)');
    if ('hold' in this && !ofTheLibrary) seen.roundTrips += 1;
    return query.apply(this, args);
  };
  return seen;
}

/** Counts what the library's channels are told to send: `basic.publish` and `basic.ack`, and what an ack stands for. */
function watchBroker(): Broker {
  const { Channel, ConfirmChannel } = jest.requireActual<{
    Channel: { prototype: { ack(message: { fields: { deliveryTag: number } }, allUpTo?: boolean): void } };
    ConfirmChannel: { prototype: { publish(...args: unknown[]): boolean } };
  }>('amqplib/lib/channel_model');
  const seen: Broker = { publishes: 0, acks: 0, acked: 0, writes: 0 };
  countWrites(seen);
  const settled = new WeakMap<object, Set<number>>();
  const { publish } = ConfirmChannel.prototype;
  ConfirmChannel.prototype.publish = function (...args) {
    seen.publishes += 1;
    return publish.apply(this, args);
  };
  const { ack } = Channel.prototype;
  Channel.prototype.ack = function (message, allUpTo = false) {
    const tags = settled.get(this) ?? new Set();
    settled.set(this, tags);
    const before = tags.size;
    for (let tag = allUpTo ? 1 : message.fields.deliveryTag; tag <= message.fields.deliveryTag; tag++) tags.add(tag);
    seen.acks += 1;
    seen.acked += tags.size - before;
    return ack.call(this, message, allUpTo);
  };
  return seen;
}

/** Sockets to brokers are told by their first words. */
function countWrites(seen: Broker): void {
  const brokers = new WeakSet<Socket>();
  const { _write, _writev } = Socket.prototype;
  Socket.prototype._write = function (chunk: Buffer | string, ...more) {
    if (String(chunk).startsWith('AMQP')) brokers.add(this);
    if (brokers.has(this)) seen.writes += 1;
    return _write.call(this, chunk, ...more);
  };
  Socket.prototype._writev = function (...given) {
    if (brokers.has(this)) seen.writes += 1;
    return _writev!.apply(this, given);
  };
}
