import { errorText } from '../../../message/receipt';
import { CODES, NOTES } from '../../../message/rules';
import type { Tables } from '../tables';
import { audited } from './audit';
import { noted, occurrence } from './history';
import { allowed, reopenedState } from './rules';
import { ageMs, ms, noteBefore, recordColumns, recordedBy, statement } from './text';
import { optionalText } from './values';

/** What somebody asks of a message's deliveries, or of the one to a consumer. */
export interface Wanted {
  readonly messageId: string;
  readonly to?: string;
  readonly by?: string;
}

/** People look, decide, and tidy up. */
export function operateSql(t: Tables) {
  return {
    find: statement(
      t,
      'outbox.find',
      `
select ${recordColumns(t, 'd', 'm')}
from ${t.delivery} d
join ${t.message} m on m.id = d.message_id
where d.message_id = $1
order by d.consumer`,
      (messageId: string) => [messageId],
    ),

    /** The first entry of the partial index that is this service's. */
    oldestDue: statement(
      t,
      'outbox.oldest-due',
      `
select coalesce(greatest(0, extract(epoch from clock_timestamp() - oldest.next_at) * 1000), 0)::float8 as oldest_due_ms
from (select) as always
left join (
  -- Not min(), for which the planner may read the whole index (seen once in some hundred runs of the plans' tests).
  select next_at
  from ${t.delivery}
  where next_at is not null
    and ${recordedBy(t, 'message_id', '$1')}
  order by next_at
  limit 1
) oldest on true`,
      (source: string) => [source],
    ),

    stats: statement(
      t,
      'outbox.stats',
      `
select state, count(*) as rows, greatest(0, extract(epoch from clock_timestamp() - min(next_at)) * 1000)::float8 as oldest_due_ms
from ${t.delivery}
join ${t.message} m on m.id = message_id
where next_at is not null
  and m.aggregatetype = $1
group by state
union all
select 'parked', count(*), 0
from ${t.delivery}
join ${t.message} m on m.id = message_id
where state = 'parked'
  and m.aggregatetype = $1`,
      (source: string) => [source],
    ),

    /** The first entries of two partial indexes, and of each the message by its key. */
    sample: statement(
      t,
      'outbox.sample',
      `
with waiting as materialized (
  select d.state, d.next_at, (select m.created_at from ${t.message} m where m.id = d.message_id) as created_at
  from ${t.delivery} d
  where d.next_at is not null
    and ${recordedBy(t, 'd.message_id', '$1')}
  order by d.next_at
  limit $3
),
parked as materialized (
  select
  from ${t.delivery} d
  where d.state = 'parked'
    and ${recordedBy(t, 'd.message_id', '$1')}
  limit $3
)
select (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms,
  greatest(0, ${ageMs('min(next_at)')}) as oldest_due_ms,
  count(*) filter (where state = 'pending') as pending,
  count(*) filter (where state = 'sent') as sent,
  count(*) filter (where state = 'cancelling') as cancelling,
  count(*) filter (where state = 'answered') as answered,
  (select count(*) from parked) as parked,
  count(*) filter (where state = 'sent' and created_at < clock_timestamp() - ${ms('$2')}) as overdue
from waiting`,
      ({ source, overdueMs, cap }: { source: string; overdueMs: number; cap: number }) => [source, overdueMs, cap],
    ),

    ageMs: statement(
      t,
      'outbox.age',
      `
select (extract(epoch from clock_timestamp() - $1::timestamptz) * 1000)::float8 as age_ms`,
      (recordedAt: string) => [recordedAt],
    ),

    cancel: statement(
      t,
      'outbox.cancel',
      `
with ${locked(t, allowed('cancel'))},
changed as (
  update ${t.delivery} d
  set state = 'cancelling',
      attempts = 0,
      lease_token = null,
      next_at = clock_timestamp(),
      deadline_at = least(deadline_at, clock_timestamp()),
      give_up_at = null,
      cancel_reason = $4,
      code = '${CODES.cancelled}',
      last_error = ${noteBefore('$3', 'last_error')}
  from locked
  where d.message_id = locked.message_id
    and d.consumer = locked.consumer
  returning d.message_id, d.consumer
),
${noted(t, 'changed', { what: occurrence('cancel-requested'), code: `'${CODES.cancelled}'`, why: '$4', by: '$5' })}${audited(t, 'cancel', { by: '$5', reason: '$4' })}`,
      ({ messageId, to, reason, by }: Wanted & { reason: string }) => [
        messageId,
        to,
        errorText(NOTES.cancelled(reason)),
        errorText(reason),
        optionalText(by),
      ],
    ),

    /** A new deadline takes back the wish to give the message up. */
    retry: statement(
      t,
      'outbox.retry',
      `
with ${locked(t, allowed('retry'), NEW_DEADLINE)},
changed as (
  update ${t.delivery} d
  set state = ${reopenedState({ verdict: 'verdict', deadline: 'new_deadline_at', consumer: 'd.consumer' })},
      attempts = 0,
      next_at = clock_timestamp(),
      deadline_at = new_deadline_at,
      give_up_at = null,
      cancel_reason = case when $3::float8 is null then cancel_reason end,
      code = null,
      last_error = null
  from locked
  where d.message_id = locked.message_id
    and d.consumer = locked.consumer
  returning d.message_id, d.consumer
),
${noted(t, 'changed', { what: occurrence('retried'), why: '$5', by: '$4' })}${audited(t, 'retry', { by: '$4', reason: '$5' })}`,
      ({ messageId, to, deadlineMs, by, reason }: Wanted & { deadlineMs?: number; reason?: string }) => [
        messageId,
        to,
        deadlineMs,
        optionalText(by),
        optionalText(reason),
      ],
    ),

    discard: statement(
      t,
      'outbox.discard',
      `
with ${locked(t, `case when $4::boolean then ${allowed('discard-by-force')} else ${allowed('discard')} end`)},
changed as (
  update ${t.delivery} d
  set state = 'discarded',
      settled_at = clock_timestamp(),
      last_error = ${noteBefore('$3', 'last_error')}
  from locked
  where d.message_id = locked.message_id
    and d.consumer = locked.consumer
  returning d.message_id, d.consumer
),
${noted(t, 'changed', { what: occurrence('discarded'), why: '$6', by: '$5' })}${audited(t, 'discard', { by: '$5', reason: '$6' })}`,
      ({ messageId, to, reason, force, by }: Wanted & { reason: string; force: boolean }) => [
        messageId,
        to,
        errorText(NOTES.discarded(reason)),
        force,
        optionalText(by),
        errorText(reason),
      ],
    ),

    /** The lock on the message row lets one of two prunes have it, and keeps late verdicts away; nobody else writes to final rows. */
    prune: statement(
      t,
      'outbox.prune',
      `
with old as materialized (
  select m.id
  from ${t.message} m
  -- An array, not a list to join with: PostgreSQL 16 would read all messages for it.
  where m.id = any (array(
    select d.message_id
    from ${t.delivery} d
    where d.settled_at < (select clock_timestamp() - ${ms('$2')})
      and ${recordedBy(t, 'd.message_id', '$1')}
      and not exists (
        select
        from ${t.delivery} other
        where other.message_id = d.message_id
          and (other.settled_at is null or other.settled_at >= (select clock_timestamp() - ${ms('$2')}))
      )
    order by d.settled_at
    limit $3
  ))
  order by m.id
  for update skip locked
),
deliveries as (
  delete from ${t.delivery} d
  using old
  where d.message_id = old.id
),
histories as (
  delete from ${t.history}
  -- An array, so that the keys are looked up, however many the planner takes them to be.
  where message_id = any (array(select id from old))
)
delete from ${t.message} m
using old
where m.id = old.id`,
      ({ source, olderThanMs, limit }: { source: string; olderThanMs: number; limit: number }) => [
        source,
        olderThanMs,
        limit,
      ],
    ),
  };
}

const NEW_DEADLINE = `case when $3::float8 is null then deadline_at else clock_timestamp() + ${ms('$3')} end as new_deadline_at`;

/**
 * The deliveries of `$1`, or the one to `$2`, to which this may be done. A message's consumers are few, and a person wants all
 * of them: this waits for rows that others hold.
 */
function locked(t: Tables, may: string, ...more: string[]): string {
  return `locked as materialized (
  select ${['message_id', 'consumer', ...more].join(', ')}
  from ${t.delivery}
  where message_id = $1
    and ($2::text is null or consumer = $2)
    and ${may}
  order by message_id, consumer
  for no key update
)`;
}
