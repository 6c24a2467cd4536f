import type { OutboxTables } from '@tallystick/outbox';
import { CAP, RATE_MS, RATE_ROWS, TOOK_MS } from './looks';

/** `Looks`, as PostgreSQL is asked. */
export function dashboardSql(t: OutboxTables) {
  const since = (ms: number): string => `(select clock_timestamp() - interval '${ms} ms')`;
  // Not a join: of some hundred thousand messages the planner would rather read all than look a few thousand up.
  const mine = `(select m.aggregatetype from ${t.message} m where m.id = d.message_id) = $1`;
  /** Rows per second: in the window, or in the time that as many rows as are read took. */
  const perSecond = (time: string): string =>
    `count(*) / extract(epoch from greatest(case when sum(count(*)) over () >= ${RATE_ROWS} then clock_timestamp() - min(min(${time})) over () else interval '${RATE_MS} ms' end, interval '1 ms'))`;
  return {
    /**
     * $1 source. Along the partial indexes of what is due and what is parked, that of times, and that of ids. One statement,
     * with what is paused and what runs: somebody who looks costs no more than that.
     */
    sample: `
with due as (
  select d.consumer, d.state, d.next_at
  from ${t.delivery} d
  where d.next_at is not null
    and ${mine}
  order by d.next_at
  limit ${CAP}
), parked as (
  select d.consumer
  from ${t.delivery} d
  where d.state = 'parked'
    and ${mine}
  limit ${CAP}
), open as (
  select consumer as "to", state, count(*)::int as count,
    greatest(0, extract(epoch from clock_timestamp() - min(next_at)) * 1000)::float8 as "oldestDueMs"
  from due
  group by consumer, state
  union all
  select consumer, 'parked', count(*)::int, 0
  from parked
  group by consumer
), recorded as (
  select created_at
  from (select id, created_at, aggregatetype from ${t.message} order by id desc limit ${RATE_ROWS}) newest
  where aggregatetype = $1
    and created_at > ${since(RATE_MS)}
), latest as materialized (
  select d.consumer, d.state, d.verdict, d.settled_at,
    (select m.created_at from ${t.message} m where m.id = d.message_id and m.aggregatetype = $1) as created_at
  from (select message_id, consumer, state, verdict, settled_at from ${t.delivery} where settled_at > ${since(TOOK_MS)} order by settled_at desc limit ${RATE_ROWS}) d
), settled as (
  select consumer, state, settled_at
  from latest
  where created_at is not null
    and settled_at > ${since(RATE_MS)}
), took as (
  select extract(epoch from settled_at - created_at) * 1000 as ms
  from latest
  where created_at is not null
    and verdict is not null
), paused as (
  select json_strip_nulls(json_build_object('to', nullif(consumer, ''), 'type', nullif(type, ''),
    'since', to_char(since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'by', actor, 'reason', reason)) as pause, since, consumer, type
  from ${t.pause}
  where source = $1
), running as (
  select id, changed, refused
  from (select * from ${t.job} where source = $1 order by id desc limit 20) latest
  where state = 'running'
    and leased_until > clock_timestamp()
)
select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at,
  (select coalesce(json_agg(open order by "to", state), '[]') from open) as open,
  (select coalesce(${perSecond('created_at')}, 0)::float8 from recorded) as recorded,
  (select coalesce(json_agg(rates order by "to", state), '[]')
   from (select consumer as "to", state, ${perSecond('settled_at')}::float8 as "perSecond" from settled group by consumer, state) rates) as settled,
  (select case when count(*) > 0 then json_build_object('p50Ms', percentile_cont(0.5) within group (order by ms),
     'p95Ms', percentile_cont(0.95) within group (order by ms), 'of', count(*)) end
   from took) as took,
  (select coalesce(json_agg(pause order by since, consumer, type), '[]') from paused) as paused,
  (select coalesce(json_agg(running order by id), '[]') from running) as running,
  ((select count(*) from due) = ${CAP} or (select count(*) from parked) = ${CAP}) as capped -- dashboard.sample`,
    /** $1 source. Of the newest messages only. */
    words: `
with newest as (
  select id, type
  from (select id, type, aggregatetype from ${t.message} order by id desc limit 1000) all_of_them
  where aggregatetype = $1
)
select array(select distinct type from newest order by type) as types,
  array(
    select distinct d.consumer
    from newest
    cross join lateral (select consumer from ${t.delivery} where message_id = newest.id limit 100) d
    order by d.consumer
  ) as consumers -- dashboard.words`,
    /** $1 id. */
    message: `
select payload::text as payload, headers
from ${t.message}
where id = $1 -- dashboard.message`,
    /** $1 id, $2 source. What was recorded while it was handled, among the next ones recorded here. */
    caused: `
select id, type
from (select id, type, aggregatetype, headers from ${t.message} where id > $1 order by id limit 1000) next
where aggregatetype = $2
  and headers ->> 'cloudEvents_causationid' = $1::text
order by id
limit 20 -- dashboard.caused`,
    /** $1 source. */
    followUps: `
select type, verdict, handler
from ${t.followUp}
where source = $1
order by type, verdict
limit 500 -- dashboard.follow-ups`,
    /** $1 consumer. */
    handlers: `
select consumer, type, handler
from ${t.handler}
where consumer = $1
order by type
limit 500 -- dashboard.handlers`,
    /** $1 id. */
    inboxOf: `
select ${INBOX}
from ${t.inbox}
where message_id = $1
order by consumer, source
limit 50 -- dashboard.inbox-of`,
    /** $1 verdict or null, $2 ids before this time or null. Along the index of times. */
    inbox: `
select ${INBOX}
from ${t.inbox}
where ($1::text is null or verdict = $1)
  and ($2::timestamptz is null or received_at < $2)
order by received_at desc, message_id desc
limit 50 -- dashboard.inbox`,
  };
}

const INBOX = `message_id as "messageId", consumer, source, verdict, reason, result,
  to_char(received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "receivedAt"`;
