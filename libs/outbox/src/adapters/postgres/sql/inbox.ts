import { MAX_AHEAD_MS } from '../../../message/age';
import { PAST_DEADLINE, type Reason } from '../../../message/receipt';
import type { InboxLimits, InboxMessage, InboxResult, RegisteredHandler } from '../../../ports/store';
import { iso, ms, statement } from './text';
import type { Tables } from '../tables';
import { jsonText } from './values';

const FUTURE = `interval '${MAX_AHEAD_MS / 3_600_000} hour'`;

export interface Arrived {
  readonly message: InboxMessage;
  readonly limits: InboxLimits;
}

export interface Pruned {
  readonly consumer: string;
  readonly olderThanMs: number;
  readonly limit: number;
}

/** `$1` to `$5` of every statement that is about one message. */
function lookValues({ message, limits }: { message: InboxMessage; limits: Pick<InboxLimits, 'horizonMs'> }): unknown[] {
  return [message.consumer, message.messageId, message.recordedAt, limits.horizonMs, message.source];
}

/** For PostgreSQL 0 means: wait for ever. */
function patience({ lockTimeoutMs }: InboxLimits): string {
  return String(Math.max(1, Math.round(lockTimeoutMs)));
}

/**
 * An insert waits for a twin that is not committed yet, as long as `lock_timeout` allows. That is set and put back within the
 * statement: `previous` reads it, `patience` sets it before the insert, the last line restores it for the handler's own
 * statements, after the insert.
 */
const PATIENCE = `previous as materialized (
  select current_setting('lock_timeout') as lock_timeout
),
patience as materialized (
  select previous.lock_timeout, set_config('lock_timeout', $8, true)
  from previous
)`;

/** Every statement on the inbox's table. `$1`, `$2` and `$5` are its key, `$3` is when the original was recorded, `$4` the horizon. */
export function inboxSql(t: Tables) {
  const columns = `verdict, reason::text as reason, result::text as result, encode(payload_hash, 'hex') as payload_hash, ${iso('received_at')} as received_at`;
  const executable = `$3::timestamptz between clock_timestamp() - ${ms('$4')} and clock_timestamp() + ${FUTURE}`;

  return {
    begin: statement(
      t,
      'inbox.begin',
      `
with ${PATIENCE},
inserted as (
  insert into ${t.inbox} (consumer, message_id, source, verdict, reason, payload_hash, received_at)
  select $1, $2::uuid, $5, case when late then 'rejected' else 'accepted' end, case when late then $9::json end, $6::bytea, clock_timestamp()
  from patience, (select coalesce($7::timestamptz <= clock_timestamp(), false) as late) deadline
  where ${executable}
  on conflict do nothing
  returning ${columns}
)
select inserted.*, set_config('lock_timeout', patience.lock_timeout, true)
from patience
left join inserted on true`,
      ({ message, limits }: Arrived) => [
        ...lookValues({ message, limits }),
        message.payloadHash,
        message.deadlineAt,
        patience(limits),
        jsonText(PAST_DEADLINE),
      ],
      'all',
    ),

    /**
     * In the order of the keys, or two groups with the same messages would wait for each other. `all_inserted` is what
     * keeps the patience until the last row: without it they are inserted one by one as the last line asks for them, the
     * second after the lock timeout was put back.
     */
    beginMany: statement(
      t,
      'inbox.begin-many',
      `
with ${PATIENCE},
inserted as (
  insert into ${t.inbox} (consumer, message_id, source, verdict, payload_hash, received_at)
  select $1, message_id, source, 'accepted', decode(payload_hash, 'hex'), clock_timestamp()
  from patience, unnest($2::uuid[], $3::timestamptz[], $5::text[], $6::text[], $7::timestamptz[])
    as arrived (message_id, recorded_at, source, payload_hash, deadline_at)
  where recorded_at between clock_timestamp() - ${ms('$4')} and clock_timestamp() + ${FUTURE}
    and coalesce(deadline_at > clock_timestamp(), true)
  order by message_id, source
  on conflict do nothing
  returning message_id, ${iso('received_at')} as received_at
),
all_inserted as materialized (
  select count(*) as count
  from inserted
)
select inserted.*, set_config('lock_timeout', patience.lock_timeout, true)
from patience
cross join all_inserted
left join inserted on true`,
      ({ messages, limits }: { messages: readonly InboxMessage[]; limits: InboxLimits }) => [
        messages[0]!.consumer,
        messages.map(({ messageId }) => messageId),
        messages.map(({ recordedAt }) => recordedAt),
        limits.horizonMs,
        messages.map(({ source }) => source),
        messages.map(({ payloadHash }) => payloadHash?.toString('hex')),
        messages.map(({ deadlineAt }) => deadlineAt),
        patience(limits),
      ],
      'all',
    ),

    keepResult: statement(
      t,
      'inbox.keep-result',
      `
update ${t.inbox}
set result = $4::json
where consumer = $1
  and message_id = $2
  and source = $3
  and verdict = 'accepted'`,
      ({ key: { consumer, messageId, source }, result }: InboxResult) => [
        consumer,
        messageId,
        source,
        jsonText(result),
      ],
    ),

    /** The rows are this transaction's own: nothing is waited for, in whatever order they are written. */
    keepResults: statement(
      t,
      'inbox.keep-results',
      `
update ${t.inbox} i
set result = returned.result::json
from unnest($2::uuid[], $3::text[], $4::text[]) as returned (message_id, source, result)
where i.consumer = $1
  and i.message_id = returned.message_id
  and i.source = returned.source
  and i.verdict = 'accepted'`,
      (results: readonly InboxResult[]) => [
        results[0]!.key.consumer,
        results.map(({ key }) => key.messageId),
        results.map(({ key }) => key.source),
        results.map(({ result }) => jsonText(result)),
      ],
    ),

    /** Its own transaction: nothing to put back. */
    reject: statement(
      t,
      'inbox.reject',
      `
with patience as materialized (
  select set_config('lock_timeout', $7, true)
)
insert into ${t.inbox} (consumer, message_id, source, verdict, reason, payload_hash, received_at)
select $1, $2::uuid, $5, 'rejected', $8::json, $6::bytea, clock_timestamp()
from patience
where ${executable}
on conflict do nothing
returning ${columns}`,
      ({ message, reason, limits }: Arrived & { reason: Reason }) => [
        ...lookValues({ message, limits }),
        message.payloadHash,
        patience(limits),
        jsonText(reason),
      ],
      'own',
    ),

    look: statement(
      t,
      'inbox.look',
      `
select ${columns},
  case
    when $3::timestamptz < clock_timestamp() - ${ms('$4')} then 'EXPIRED'
    when $3::timestamptz > clock_timestamp() + ${FUTURE} then 'CLOCK'
    else 'new'
  end as standing
from (select) as always
left join ${t.inbox} on consumer = $1 and message_id = $2::uuid and source = $5`,
      lookValues,
      'own',
    ),

    /** Two statements in one: what was written just now is among the handlers of this process, so the second needs not see it. */
    registerHandlers: statement(
      t,
      'inbox.register-handlers',
      `
with registered as (
  insert into ${t.handler} (consumer, type, handler)
  select $1, type, handler
  from unnest($2::text[], $3::text[]) as known (type, handler)
  order by type
  on conflict do nothing
)
select type, handler
from ${t.handler}
where consumer = $1
  and type <> all ($2::text[])
order by type`,
      ({ consumer, handlers }: { consumer: string; handlers: readonly RegisteredHandler[] }) => [
        consumer,
        handlers.map(({ type }) => type),
        handlers.map(({ where }) => where),
      ],
    ),

    prune: statement(
      t,
      'inbox.prune',
      `
with old as materialized (
  select consumer, message_id, source
  from ${t.inbox}
  where received_at < (select clock_timestamp() - ${ms('$2')})
    and consumer = $1
  order by received_at
  limit $3
  for update skip locked
)
delete from ${t.inbox} i
using old
where i.consumer = old.consumer
  and i.message_id = old.message_id
  and i.source = old.source`,
      ({ consumer, olderThanMs, limit }: Pruned) => [consumer, olderThanMs, limit],
    ),
  };
}

export type InboxSql = ReturnType<typeof inboxSql>;
