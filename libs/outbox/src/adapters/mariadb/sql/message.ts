import type { Verdict } from '../../../message/receipt';
import type { NewMessage } from '../../../ports/store';
import { type Question, question, rowsOf, type Value } from '../question';
import { jsonText } from '../rows';
import type { MariaDbTables } from '../tables';

/** Messages, which never change. */

/** What `factsOf` reads. The hash is that of `contentHash`, over the bytes as they are stored. */
function facts(t: MariaDbTables, m: string): string {
  return `${m}.type, ${m}.created_at, sha2(concat(${m}.type, 0x00, ${m}.payload), 256) as content_hash, ${registered(t, m)}`;
}

/** What the service has registered (R13): neither who recorded a row nor who closes it needs to have the handler. */
export function registered(t: MariaDbTables, m: string): string {
  const has = (verdict: Verdict): string =>
    `exists (select 1 from ${t.followUp} f where f.source = ${m}.aggregatetype and f.type = ${m}.type and f.verdict = '${verdict}') as ${verdict}`;
  return `${has('accepted')}, ${has('rejected')}`;
}

/** With their content, or only what there is to know of them. */
export function readMessages(t: MariaDbTables, ids: readonly string[], what: 'content' | 'facts'): Question {
  const content = `, m.aggregatetype as source, m.aggregateid as message_key, m.payload, m.headers`;
  return question(
    'outbox.messages',
    `
select m.id, ${facts(t, 'm')}${what === 'content' ? content : ''}
from ${t.message} m
where m.id in (?)`,
    [...new Set(ids)],
  );
}

export function insertMessages(t: MariaDbTables, messages: readonly NewMessage[], now: string): Question {
  const rows = messages.map(({ id, type, source, key, payload, headers }) => [
    ...[id.toLowerCase(), type, source, key, payload],
    ...[jsonText(headers), now],
  ]);
  return question(
    'outbox.add-messages',
    `
insert into ${t.message} (id, type, aggregatetype, aggregateid, payload, headers, created_at)
values
  ${rowsOf(rows)}`,
    ...rows.flat(),
  );
}

/**
 * One, if a transaction is open; if not, none. A session without autocommit is left out: there the statement would open one.
 * @see Database.insideGuarding
 */
export function insertMessageIfOpen(
  t: MariaDbTables,
  { id, type, source, key, payload, headers }: NewMessage,
): Question {
  return question(
    'outbox.add-message',
    `
insert into ${t.message} (id, type, aggregatetype, aggregateid, payload, headers, created_at)
select ?, ?, ?, ?, ?, ?, utc_timestamp(6)
from dual
where @@in_transaction = 1
  and @@autocommit = 1
returning cast(created_at as char) as now`,
    ...[id.toLowerCase(), type, source, key, payload, jsonText(headers)],
  );
}

/** Those that the same transaction has inserted. */
export function deleteMessages(t: MariaDbTables, messages: readonly Pick<NewMessage, 'id'>[]): Question {
  return question(
    'outbox.take-back',
    `delete from ${t.message} where id in (?)`,
    messages.map(({ id }) => id.toLowerCase()),
  );
}

export function clock(): Question {
  return question('outbox.clock', 'select utc_timestamp(6) as now');
}

/** What is there stays, with its time: rows closed before it are those that nobody followed up. */
export function registerFollowUps(t: MariaDbTables, rows: readonly (readonly Value[])[]): Question {
  return question(
    'outbox.register-follow-ups',
    `
insert into ${t.followUp} (source, type, verdict, handler, registered_at)
values
  ${rows.map(() => '(?, ?, ?, ?, utc_timestamp(6))').join(',\n  ')}
on duplicate key update handler = handler`,
    ...rows.flat(),
  );
}

export function stillRecorded(t: MariaDbTables, leaseToken: string, ids: readonly string[]): Question {
  return question(
    'outbox.still-recorded',
    `
select distinct d.message_id
from ${t.delivery} d
where d.message_id in (?)
  and d.lease_token = ?`,
    ids,
    leaseToken,
  );
}
