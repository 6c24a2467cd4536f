import type { AuditRecord } from '../../../ports/store';
import { columnOfIso } from '../instants';
import { type Question, question } from '../question';
import type { MariaDbTables } from '../tables';
import { registered } from './message';
import { ageMs, AGO, micros } from './text';

/** People look, and time sweeps up. */

/** What `recordOf` reads. */
export function recordColumns(t: MariaDbTables): string {
  return `d.*, m.type, m.aggregateid as message_key, m.created_at, ${registered(t, 'm')}`;
}

export function find(t: MariaDbTables, messageId: string): Question {
  return question(
    'outbox.find',
    `
select ${recordColumns(t)}
from ${t.delivery} d
join ${t.message} m on m.id = d.message_id
where d.message_id = ?
order by d.consumer`,
    messageId,
  );
}

export function history(t: MariaDbTables, messageId: string): Question {
  return question(
    'outbox.history',
    `
select d.consumer, d.history
from ${t.delivery} d
where d.message_id = ?
order by d.consumer`,
    messageId,
  );
}

export function ageOf(iso: string): Question {
  return question('outbox.age', `select ${ageMs('cast(? as datetime(6))')} as age_ms`, columnOfIso(iso));
}

/** The first entry of the index that is this service's. */
export function oldestDue(t: MariaDbTables, source: string): Question {
  return question(
    'outbox.oldest-due',
    `
select ${ageMs('d.next_at')} as oldest_due_ms
from ${t.delivery} d force index (outbox_delivery_due)
where d.source = ?
  and d.next_at is not null
order by d.next_at
limit 1`,
    source,
  );
}

export function stats(t: MariaDbTables, source: string): Question {
  return question(
    'outbox.stats',
    `
select d.state, count(*) as count, ${ageMs('min(d.next_at)')} as oldest_due_ms
from ${t.delivery} d
where d.source = ?
  and d.next_at is not null
group by d.state
union all
select 'parked', count(*), null
from ${t.delivery} d
where d.source = ?
  and d.state = 'parked'`,
    source,
    source,
  );
}

/** The first entries of two indexes, and of each that is sent the message by its key. */
export function sample(
  t: MariaDbTables,
  source: string,
  { overdueMs, cap }: { overdueMs: number; cap: number },
): Question {
  return question(
    'outbox.sample',
    `
select timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)) / 1000 as now_ms,
  ${ageMs('min(waiting.next_at)')} as oldest_due_ms,
  sum(waiting.state = 'pending') as pending,
  sum(waiting.state = 'sent') as sent,
  sum(waiting.state = 'cancelling') as cancelling,
  sum(waiting.state = 'answered') as answered,
  sum(waiting.state = 'sent' and waiting.created_at < ${AGO}) as overdue,
  (
    select count(*)
    from (
      select 1
      from ${t.delivery} d force index (outbox_delivery_state)
      where d.source = ?
        and d.state = 'parked'
      limit ?
    ) some_parked
  ) as parked
from (
  select d.state, d.next_at, (select m.created_at from ${t.message} m where m.id = d.message_id) as created_at
  from ${t.delivery} d force index (outbox_delivery_due)
  where d.source = ?
    and d.next_at is not null
  order by d.next_at
  limit ?
) waiting`,
    micros(overdueMs),
    source,
    cap,
    source,
    cap,
  );
}

/** Who records here, as far as the newest messages and the follow-ups tell. */
export function services(t: MariaDbTables): Question {
  return question(
    'outbox.services',
    `
select newest.source
from (select m.aggregatetype as source from ${t.message} m order by m.id desc limit 1000) newest
union
select f.source
from ${t.followUp} f
order by source`,
  );
}

/** The message's own deliveries and nothing else may still be written, and that is final, too. */
export function oldMessages(t: MariaDbTables, source: string, olderThanMs: number, limit: number): Question {
  return question(
    'outbox.old',
    `
select d.message_id
from ${t.delivery} d force index (outbox_delivery_prunable)
where d.source = ?
  and d.settled_at < ${AGO}
  and not exists (
    select 1
    from ${t.delivery} other
    where other.message_id = d.message_id
      and (other.settled_at is null or other.settled_at >= ${AGO})
  )
order by d.settled_at
limit ?`,
    source,
    micros(olderThanMs),
    micros(olderThanMs),
    limit,
  );
}

/** Of two who prune one has it. */
export function lockMessages(t: MariaDbTables, ids: readonly string[]): Question {
  return question(
    'outbox.lock-messages',
    `
select m.id
from ${t.message} m force index (primary)
where m.id in (?)
order by m.id
for update skip locked`,
    ids,
  );
}

export function deleteMessages(t: MariaDbTables, ids: readonly string[]): Question[] {
  return [
    question('outbox.delete-deliveries', `delete from ${t.delivery} where message_id in (?)`, ids),
    question('outbox.delete-messages', `delete from ${t.message} where id in (?)`, ids),
  ];
}

/** What a person did: written in the transaction that does it. */
export function writeAudit(
  t: MariaDbTables,
  entry: Pick<AuditRecord, 'actor' | 'verb' | 'target' | 'changed' | 'reason'> & { readonly source: string },
): Question {
  const { source, actor, verb, target, changed, reason } = entry;
  return question(
    'outbox.write-audit',
    `
insert into ${t.audit} (at, source, actor, verb, target, changed, reason)
values (utc_timestamp(6), ?, ?, ?, ?, ?, ?)`,
    ...[source, actor, verb, target, changed, reason],
  );
}

/** What people did, newest first. */
export function readAudit(t: MariaDbTables, source: string, page: { limit: number; after?: string }): Question {
  const { limit, after } = page;
  return question(
    'outbox.audit',
    `
select a.id, a.at, a.actor, a.verb, a.target, a.changed, a.reason
from ${t.audit} a
where a.source = ?
  and a.id < ?
order by a.id desc
limit ?`,
    source,
    after === undefined ? Number.MAX_SAFE_INTEGER : Number(after),
    limit,
  );
}
