import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Options } from 'amqplib';
import { EXCHANGE, ORDER_QUEUE, QUORUM } from '../baselines/broker';
import { newOrder } from '../business/load';
import { ORDERS, USERS } from '../business/order-requested';
import { asking, type Engine, engineOf } from '../engines/engine';
import { truncate } from './databases';
import type { Fill } from './fill';

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

export interface Backlog {
  readonly databaseUrl: string;
  readonly fill: Fill;
  readonly tables: readonly string[];
  /** The table whose `sent_at` says when a message was sent. */
  readonly sentIn: string;
}

const CLOCK: Readonly<Record<Engine, { now: string; seconds: string }>> = {
  postgres: {
    now: 'select clock_timestamp()::text as now -- bench',
    seconds: 'extract(epoch from max(sent_at) - ?::timestamptz)::float8',
  },
  mariadb: {
    now: 'select utc_timestamp(6) as now -- bench',
    seconds: 'timestampdiff(microsecond, ?, max(sent_at)) / 1000000',
  },
};

/** Inserts `count` due messages, waits until all are sent. @returns messages per second, by the database's clock */
export async function drainOutbox({ databaseUrl, fill, tables, sentIn }: Backlog, count: number): Promise<number> {
  const clock = CLOCK[engineOf(databaseUrl)];
  await truncate(databaseUrl, tables);
  return asking(databaseUrl, async (ask) => {
    await fill(ask, count, JSON.stringify(newOrder(1)));
    const [begin] = await ask<{ now: string }>(clock.now);
    const left = `select 1 as found from ${sentIn} where state = 'pending' limit 1 -- bench`;
    await patiently(async () => (await ask(left)).length === 0);
    const [took] = await ask<{ seconds: number | string }>(
      `select ${clock.seconds} as seconds from ${sentIn} -- bench`,
      [begin!.now],
    );
    return count / Number(took!.seconds);
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
