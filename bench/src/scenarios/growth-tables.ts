import { ORDERS, USERS } from '../business/order-requested';
import { newOrder } from '../business/load';
import { withClient } from '../engines/postgres';
import type { Pair } from './pairs';

/** Ids in order, as UUIDv7 are: number `n` of a kind of its own. */
const id = (kind: number): string => `('0190000${kind}-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid`;

const FINAL_MESSAGES = `
insert into outbox_message (id, aggregatetype, aggregateid, type, payload, created_at)
select ${id(1)}, '${USERS}', $3::json ->> 'userId', 'order.requested', $3::json, clock_timestamp() - interval '1 day'
from generate_series($1::bigint, $2::bigint) as n -- bench`;
const FINAL_DELIVERIES = `
insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, verdict, settled_at)
select ${id(1)}, '${ORDERS}', 'completed', 1, 'rejected', 'accepted', clock_timestamp() - interval '1 day'
from generate_series($1::bigint, $2::bigint) as n -- bench`;
const INBOX_ROWS = `
insert into inbox_message (consumer, message_id, verdict, source, received_at)
select '${ORDERS}', ${id(1)}, 'accepted', '${USERS}', clock_timestamp() - interval '1 day'
from generate_series($1::bigint, $2::bigint) as n -- bench`;
/** Waiting for its turn in an hour. */
const PENDING = `
with added as (
  insert into outbox_message (id, aggregatetype, aggregateid, type, payload)
  select ${id(2)}, '${USERS}', $2::json ->> 'userId', 'order.requested', $2::json
  from generate_series(1, $1::bigint) as n
  returning id
)
insert into outbox_delivery (message_id, consumer, state, attempts, next_at, follow_up)
select id, '${ORDERS}', 'pending', 0, clock_timestamp() + interval '1 hour', 'none'
from added -- bench`;
/** Waiting for a person. */
const PARKED = `
with added as (
  insert into outbox_message (id, aggregatetype, aggregateid, type, payload)
  select ${id(4)}, '${USERS}', $2::json ->> 'userId', 'order.requested', $2::json
  from generate_series(1, $1::bigint) as n
  returning id
)
insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, code, last_error)
select id, '${ORDERS}', 'parked', 1, 'none', 'NOBODY_LISTENS', 'NOBODY_LISTENS'
from added -- bench`;
/** Old enough to be pruned. */
const OLD = `
with added as (
  insert into outbox_message (id, aggregatetype, aggregateid, type, payload, created_at)
  select ${id(3)}, '${USERS}', $2::json ->> 'userId', 'order.requested', $2::json, clock_timestamp() - interval '40 days'
  from generate_series(1, $1::bigint) as n
  returning id
)
insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, verdict, settled_at)
select id, '${ORDERS}', 'completed', 1, 'rejected', 'accepted', clock_timestamp() - interval '40 days'
from added -- bench`;

/** Final rows number `from` to `to`, in both services: what a busy system keeps until it is pruned. */
export async function addFinalRows({ place: { databases } }: Pair, from: number, to: number): Promise<void> {
  const [users, orders] = databases as [string, string];
  const payload = JSON.stringify(newOrder(1));
  await Promise.all([
    insert(users, FINAL_DELIVERIES, [from, to]),
    insert(users, FINAL_MESSAGES, [from, to, payload]),
    insert(orders, INBOX_ROWS, [from, to]),
  ]);
  await vacuum(users, 'outbox_delivery, outbox_message');
  await vacuum(orders, 'inbox_message');
}

export async function addPendingRows({ place: { databases } }: Pair, count: number): Promise<void> {
  await insert(databases[0]!, PENDING, [count, JSON.stringify(newOrder(1))]);
  await vacuum(databases[0]!, 'outbox_delivery');
}

export async function addParkedRows({ place: { databases } }: Pair, count: number): Promise<void> {
  await insert(databases[0]!, PARKED, [count, JSON.stringify(newOrder(1))]);
  await vacuum(databases[0]!, 'outbox_delivery');
}

export async function addOldRows({ place: { databases } }: Pair, count: number): Promise<void> {
  await insert(databases[0]!, OLD, [count, JSON.stringify(newOrder(1))]);
}

/** What autovacuum does within a minute. */
export async function vacuum(url: string, tables: string): Promise<void> {
  await withClient(url, (client) => client.query(`vacuum (analyze) ${tables} -- bench`));
}

async function insert(url: string, sql: string, values: unknown[]): Promise<void> {
  await withClient(url, (client) => client.query(sql, values));
}
