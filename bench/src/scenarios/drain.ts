import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Options } from 'amqplib';
import { EXCHANGE, ORDER_QUEUE, QUORUM } from '../baselines/broker';
import { newOrder } from '../business/load';
import { ORDERS, USERS } from '../business/order-requested';
import { withClient } from '../harness/stage';

/** Nothing moves for so long: something is broken. */
const STALLED_MS = 60_000;
/** Confirms awaited at once. */
const WINDOW = 500;

/** One queue and how to reach it. */
export interface Target {
  readonly exchange: string;
  readonly queue: string;
  readonly routingKey: string;
}

export const RAW_ORDERS: Target = { exchange: EXCHANGE, queue: ORDER_QUEUE, routingKey: ORDER_QUEUE };
export const RAW_RECEIPTS: Target = {
  exchange: EXCHANGE,
  queue: 'bench-raw.receipts',
  routingKey: 'bench-raw.receipts',
};
export const LIBRARY_ORDERS: Target = {
  exchange: 'bench.requests',
  queue: `${ORDERS}.order.requested`,
  routingKey: `${ORDERS}.order.requested`,
};
export const LIBRARY_RECEIPTS: Target = { exchange: 'bench.receipts', queue: `${USERS}.receipts`, routingKey: USERS };

/** An empty queue, for a side whose other end does not run. */
export async function emptyQueue(amqpUrl: string, { exchange, queue, routingKey }: Target): Promise<void> {
  const connection = await connect(amqpUrl);
  const channel = await connection.createChannel();
  await channel.assertExchange(exchange, 'direct', { durable: true });
  await channel.assertQueue(queue, QUORUM);
  await channel.bindQueue(queue, exchange, routingKey);
  await channel.purgeQueue(queue);
  await connection.close();
}

/** Inserts messages of the hand-written kind or the library's, all due now. The bodies are those of real orders. */
export const FILL_RAW_OUTBOX = `
insert into outbox (id, type, payload, state, attempts, next_at)
select gen_random_uuid(), 'order.requested', $2::json, 'pending', 0, clock_timestamp()
from generate_series(1, $1::int) -- bench`;
export const FILL_LIBRARY_OUTBOX = `
with added as (
  insert into outbox_message (id, aggregatetype, aggregateid, type, payload)
  select gen_random_uuid(), '${USERS}', $2::json ->> 'userId', 'order.requested', $2::json
  from generate_series(1, $1::int)
  returning id
)
insert into outbox_delivery (message_id, consumer, state, attempts, next_at, follow_up)
select id, '${ORDERS}', 'pending', 0, clock_timestamp(), 'none'
from added -- bench`;

export interface Backlog {
  readonly databaseUrl: string;
  readonly fill: string;
  readonly tables: readonly string[];
  /** The table whose `sent_at` says when a message was sent. */
  readonly sentIn: string;
}

/** Inserts `count` due messages, waits until all are sent. @returns messages per second, by the database's clock */
export async function drainOutbox({ databaseUrl, fill, tables, sentIn }: Backlog, count: number): Promise<number> {
  return withClient(databaseUrl, async (client) => {
    await client.query(`truncate ${tables.join(', ')} -- bench`);
    await client.query(fill, [count, JSON.stringify(newOrder(1))]);
    const { rows } = await client.query<{ now: string }>(`select clock_timestamp()::text as now -- bench`);
    const left = `select exists (select from ${sentIn} where state = 'pending') as left -- bench`;
    await patiently(async () => !(await client.query<{ left: boolean }>(left)).rows[0]!.left);
    const took = await client.query<{ seconds: number }>(
      `select extract(epoch from max(sent_at) - $1::timestamptz)::float8 as seconds from ${sentIn} -- bench`,
      [rows[0]!.now],
    );
    return count / took.rows[0]!.seconds;
  });
}

/** Publishes `count` messages with pipelined confirms, and nothing else. @returns messages per second */
export async function publishBacklog(
  amqpUrl: string,
  { exchange, routingKey }: Target,
  count: number,
  message: (number: number) => { body: string; properties: Options.Publish },
): Promise<number> {
  const connection = await connect(amqpUrl, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  const began = performance.now();
  await new Promise<void>((resolve, reject) => {
    let sent = 0;
    let confirmed = 0;
    const next = (): void => {
      if (sent === count) return;
      const { body, properties } = message(sent++);
      channel.publish(
        exchange,
        routingKey,
        Buffer.from(body),
        { ...properties, persistent: true },
        (error: unknown) => {
          if (error != null) reject(new Error('a publish was refused', { cause: error }));
          else if (++confirmed === count) resolve();
          else next();
        },
      );
    };
    for (let i = 0; i < WINDOW; i++) next();
  });
  const perSecond = (count / (performance.now() - began)) * 1000;
  await connection.close();
  return perSecond;
}

/** Polls, gently: looking costs the measured time. */
export async function patiently(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + STALLED_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not done within ${STALLED_MS} ms`);
    await sleep(100);
  }
}
