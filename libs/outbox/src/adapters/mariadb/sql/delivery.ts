import type { DeliveryKey } from '../../../message/delivery';
import { columnOf } from '../instants';
import { type Question, question, rowsOf, type Value } from '../question';
import { historyText, jsonText, type StoredDelivery } from '../rows';
import type { MariaDbTables } from '../tables';

/**
 * Rows of deliveries are read with a lock, looked at by the rules, and written back, in one transaction. A list of them is locked in the order of its
 * keys, or (what is due) without ever waiting for one, so two of them cannot deadlock. An index is named wherever rows are locked: a
 * plan that reads others on its way, or sorts, locks those too.
 */
export type Waiting = 'wait' | 'skip';

const LOCK: Readonly<Record<Waiting, string>> = { wait: 'for update', skip: 'for update skip locked' };

/** What `storedDelivery` reads. */
const COLUMNS = `d.*, utc_timestamp(6) as now`;

/** What is due, who waits longest first, as far as nobody else has it. The index has filter and order: it locks no row that it does not take. */
export function lockDue(t: MariaDbTables, { source, limit }: { source: string; limit: number }): Question {
  return question(
    'outbox.due',
    `
select ${COLUMNS}
from ${t.delivery} d force index (outbox_delivery_due)
where d.source = ?
  and d.next_at <= utc_timestamp(6)
order by d.next_at
limit ?
${LOCK.skip}`,
    source,
    limit,
  );
}

/**
 * The keys of what is due to others than these, without a lock: InnoDB keeps the locks of rows that it read and did not want, and there
 * may be a hundred thousand of them before the first that is wanted.
 */
export function readDue(
  t: MariaDbTables,
  { source, except, limit }: { source: string; except: readonly string[]; limit: number },
): Question {
  return question(
    'outbox.due-to-others',
    `
select d.message_id, d.consumer
from ${t.delivery} d force index (outbox_delivery_due)
where d.source = ?
  and d.next_at <= utc_timestamp(6)
  and d.consumer not in (?)
order by d.next_at
limit ?`,
    source,
    except,
    limit,
  );
}

/** The deliveries with these keys; there is at least one key. */
export function lockKeys(t: MariaDbTables, keys: readonly DeliveryKey[], waiting: Waiting): Question {
  return question(
    'outbox.lock',
    `
select ${COLUMNS}
from ${t.delivery} d force index (primary)
where ${anyOf(keys)}
order by d.message_id
${LOCK[waiting]}`,
    ...keyValues(keys),
  );
}

/** The keys of a message's deliveries, or of the one to a consumer; without a lock. */
export function readMessage(t: MariaDbTables, messageId: string, to: string | undefined): Question {
  return question(
    'outbox.deliveries-of',
    `
select d.message_id, d.consumer
from ${t.delivery} d
where d.message_id = ?${to === undefined ? '' : '\n  and d.consumer = ?'}`,
    messageId,
    to,
  );
}

/**
 * The same, with a lock, and whatever an older snapshot would not show. At REPEATABLE READ it also locks the gap behind them, and behind
 * the newest message that is where every producer inserts: for those that `readMessage` has not found.
 */
export function lockMessage(t: MariaDbTables, messageId: string, to: string | undefined): Question {
  return question(
    'outbox.lock-message',
    `
select ${COLUMNS}
from ${t.delivery} d force index (primary)
where d.message_id = ?${to === undefined ? '' : '\n  and d.consumer = ?'}
order by d.consumer
${LOCK.wait}`,
    messageId,
    to,
  );
}

/** The same without a lock. */
export function readKeys(t: MariaDbTables, keys: readonly DeliveryKey[]): Question {
  return question(
    'outbox.read',
    `
select ${COLUMNS}
from ${t.delivery} d
where ${anyOf(keys)}`,
    ...keyValues(keys),
  );
}

function anyOf(keys: readonly DeliveryKey[]): string {
  return keys.map(() => '(d.message_id = ? and d.consumer = ?)').join('\n  or ');
}

function keyValues(keys: readonly DeliveryKey[]): string[] {
  return keys.flatMap(({ messageId, consumer }) => [messageId, consumer]);
}

/** Columns that never change. */
const FIXED = ['message_id', 'consumer', 'source', 'follow_up', 'order_key', 'order_no'];
const CHANGING: Readonly<Record<string, (row: StoredDelivery) => Value>> = {
  state: ({ state }) => state,
  attempts: ({ attempts }) => attempts,
  next_at: ({ nextAt }) => timeOf(nextAt),
  lease_token: ({ leaseToken }) => leaseToken,
  deadline_at: ({ deadlineAt }) => timeOf(deadlineAt),
  give_up_at: ({ giveUpAt }) => timeOf(giveUpAt),
  verdict: ({ verdict }) => verdict,
  reason: ({ reason }) => jsonText(reason),
  result: ({ result }) => jsonText(result),
  code: ({ code }) => code,
  last_error: ({ lastError }) => lastError,
  cancel_reason: ({ cancelReason }) => cancelReason,
  sent_at: ({ sentAt }) => timeOf(sentAt),
  settled_at: ({ settledAt }) => timeOf(settledAt),
  history: ({ history }) => historyText(history),
};

/** New rows. */
export function insertDeliveries(t: MariaDbTables, rows: readonly StoredDelivery[]): Question {
  return question(
    'outbox.add-deliveries',
    `
insert into ${t.delivery} (${[...FIXED, ...Object.keys(CHANGING)].join(', ')})
values
  ${rowsOf(rows.map(valuesOf))}`,
    ...rows.flatMap(valuesOf),
  );
}

/** Rows that this transaction has locked, as they are now: an update of many, each with values of its own. It inserts none. */
export function writeDeliveries(t: MariaDbTables, rows: readonly StoredDelivery[]): Question {
  const { text, values } = insertDeliveries(t, rows);
  const set = Object.keys(CHANGING).map((column) => `${column} = values(${column})`);
  return question(
    'outbox.write',
    `${text}
on duplicate key update
  ${set.join(',\n  ')}`,
    ...values,
  );
}

function valuesOf(row: StoredDelivery): Value[] {
  const fixed = [row.messageId, row.consumer, row.source, row.followUp, row.orderKey, row.orderNo];
  return [...fixed, ...Object.values(CHANGING).map((of) => of(row))];
}

function timeOf(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : columnOf(ms);
}
