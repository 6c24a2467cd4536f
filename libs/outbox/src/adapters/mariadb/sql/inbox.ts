import type { InboxKey, InboxMessage, InboxResult, RegisteredHandler } from '../../../ports/store';
import type { Reason } from '../../../message/receipt';
import { columnOfIso } from '../instants';
import { parameters, type Question, question, rowsOf } from '../question';
import { jsonText } from '../rows';
import type { MariaDbTables } from '../tables';
import { ageMs, AGO, micros } from './text';

/** Every statement on the inbox's table. */

const KEY = 'i.consumer = ? and i.message_id = ? and i.source = ?';
const COLUMNS = 'i.verdict, i.reason, i.result, i.payload_hash, i.received_at';

function keyValues({ consumer, messageId, source }: InboxKey): string[] {
  return [consumer, messageId.toLowerCase(), source];
}

/** The row, if there is one, and how old the message is: one line for each message, in their order. */
export function look(t: MariaDbTables, messages: readonly InboxMessage[]): Question {
  const { values, value } = parameters();
  const lines = messages.map((message, index) => {
    const recorded = columnOfIso(message.recordedAt);
    const deadline = message.deadlineAt === undefined ? undefined : columnOfIso(message.deadlineAt);
    return `select ${index} as position,
  ${ageMs(`cast(${value(recorded)} as datetime(6))`)} as age_ms,
  coalesce(cast(${value(deadline)} as datetime(6)) <= utc_timestamp(6), 0) as late,
  utc_timestamp(6) as now, @@innodb_lock_wait_timeout as lock_wait_s, ${COLUMNS}
from (select 1) always
left join ${t.inbox} i on i.consumer = ${value(message.consumer)} and i.message_id = ${value(message.messageId.toLowerCase())} and i.source = ${value(message.source)}`;
  });
  return question('inbox.look', `${lines.join('\nunion all\n')}\norder by position`, ...values);
}

/** The row as it is now, whatever was seen before in this transaction: a twin that was waited for is invisible to a plain look. */
export function lookNow(t: MariaDbTables, key: InboxKey): Question {
  return question(
    'inbox.look-now',
    `select ${COLUMNS} from ${t.inbox} i where ${KEY} lock in share mode`,
    ...keyValues(key),
  );
}

/** Fails with the number of a duplicate key if there is one, after the wait for a twin that is not committed yet. */
export function insert(t: MariaDbTables, messages: readonly InboxMessage[], now: string, reason?: Reason): Question {
  const rows = messages.map((message) => [
    ...keyValues(message),
    reason === undefined ? 'accepted' : 'rejected',
    ...[jsonText(reason), message.payloadHash?.toString('hex'), now],
  ]);
  return question(
    'inbox.insert',
    `
insert into ${t.inbox} (consumer, message_id, source, verdict, reason, payload_hash, received_at)
values
  ${rowsOf(rows)}`,
    ...rows.flat(),
  );
}

/** For whoever waits for a twin. Whole seconds: less there is not. */
export function lockWait(seconds: number): Question {
  return question('inbox.patience', 'set session innodb_lock_wait_timeout = ?', seconds);
}

export function keepResult(t: MariaDbTables, { key, result }: InboxResult): Question {
  return question(
    'inbox.keep-result',
    `update ${t.inbox} i set i.result = ? where ${KEY} and i.verdict = 'accepted'`,
    jsonText(result),
    ...keyValues(key),
  );
}

export function registerHandlers(t: MariaDbTables, consumer: string, handlers: readonly RegisteredHandler[]): Question {
  const rows = [...handlers]
    .sort((one, other) => (one.type < other.type ? -1 : 1))
    .map(({ type, where }) => [consumer, type, where]);
  return question(
    'inbox.register-handlers',
    `
insert into ${t.handler} (consumer, type, handler, registered_at)
values
  ${rows.map(() => '(?, ?, ?, utc_timestamp(6))').join(',\n  ')}
on duplicate key update handler = handler`,
    ...rows.flat(),
  );
}

export function readHandlers(t: MariaDbTables, consumer: string): Question {
  return question(
    'inbox.handlers',
    `select h.type, h.handler from ${t.handler} h where h.consumer = ? order by h.type`,
    consumer,
  );
}

/** Who prunes at the same time takes others. */
export function lockOld(t: MariaDbTables, consumer: string, olderThanMs: number, limit: number): Question {
  return question(
    'inbox.old',
    `
select i.consumer, i.message_id, i.source
from ${t.inbox} i force index (inbox_message_prunable)
where i.consumer = ?
  and i.received_at < ${AGO}
order by i.received_at
limit ?
for update skip locked`,
    ...[consumer, micros(olderThanMs), limit],
  );
}

export function deleteOld(t: MariaDbTables, keys: readonly InboxKey[]): Question {
  return question(
    'inbox.delete',
    `delete from ${t.inbox} where ${keys.map(() => '(consumer = ? and message_id = ? and source = ?)').join(' or ')}`,
    ...keys.flatMap(keyValues),
  );
}
