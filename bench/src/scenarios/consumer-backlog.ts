import { randomUUID } from 'node:crypto';
import type { Options } from 'amqplib';
import { newOrder } from '../business/load';
import { USERS } from '../business/order-requested';
import { withClient } from '../engines/postgres';
import {
  emptyQueue,
  LIBRARY_ORDERS,
  LIBRARY_RECEIPTS,
  patiently,
  publishBacklog,
  RAW_ORDERS,
  RAW_RECEIPTS,
  type Target,
} from './drain';

interface Message {
  readonly body: string;
  readonly properties: Options.Publish;
}

/** What waits for a consumer, and how its progress is seen. */
export interface ConsumerBacklog {
  readonly amqpUrl: string;
  readonly databaseUrl: string;
  readonly orders: Target;
  readonly receipts: Target;
  readonly inbox: string;
  readonly tables: readonly string[];
  readonly message: (number: number) => Message;
}

type Place = Pick<ConsumerBacklog, 'amqpUrl' | 'databaseUrl'>;

export function libraryBacklog(place: Place): ConsumerBacklog {
  return {
    ...place,
    orders: LIBRARY_ORDERS,
    receipts: LIBRARY_RECEIPTS,
    inbox: 'inbox_message',
    tables: ['inbox_message', 'orders'],
    message: cloudEvent,
  };
}

export function rawBacklog(place: Place): ConsumerBacklog {
  return {
    ...place,
    orders: RAW_ORDERS,
    receipts: RAW_RECEIPTS,
    inbox: 'inbox',
    tables: ['inbox', 'orders'],
    message: plainMessage,
  };
}

/** Empty tables, empty queues. */
export async function clear({ amqpUrl, databaseUrl, orders, receipts, tables }: ConsumerBacklog): Promise<void> {
  await withClient(databaseUrl, (client) => client.query(`truncate ${tables.join(', ')} -- bench`));
  await emptyQueue(amqpUrl, orders);
  await emptyQueue(amqpUrl, receipts);
}

export async function publishOrders({ amqpUrl, orders, message }: ConsumerBacklog, count: number): Promise<void> {
  await publishBacklog(amqpUrl, orders, count, message);
}

/** Waits until all orders are handled. @returns messages per second, between the first and the last inbox row */
export async function drained({ databaseUrl, inbox }: ConsumerBacklog, count: number): Promise<number> {
  return withClient(databaseUrl, async (client) => {
    const rows = `select count(*)::int as rows from ${inbox} -- bench`;
    await patiently(async () => (await client.query<{ rows: number }>(rows)).rows[0]!.rows >= count);
    const took = await client.query<{ seconds: number }>(
      `select extract(epoch from max(received_at) - min(received_at))::float8 as seconds from ${inbox} -- bench`,
    );
    return count / took.rows[0]!.seconds;
  });
}

/** An order as the library sends it. */
function cloudEvent(number: number): Message {
  const id = randomUUID();
  const order = newOrder(number);
  const time = new Date().toISOString();
  const headers = {
    cloudEvents_specversion: '1.0',
    cloudEvents_id: id,
    cloudEvents_type: 'order.requested',
    cloudEvents_source: USERS,
    cloudEvents_subject: order.userId,
    cloudEvents_time: time,
    cloudEvents_attempt: 1,
  };
  return {
    body: JSON.stringify(order),
    properties: { messageId: id, type: 'order.requested', appId: USERS, replyTo: USERS, headers },
  };
}

function plainMessage(number: number): Message {
  return {
    body: JSON.stringify(newOrder(number)),
    properties: { messageId: randomUUID(), type: 'order.requested', appId: USERS, replyTo: RAW_RECEIPTS.routingKey },
  };
}
