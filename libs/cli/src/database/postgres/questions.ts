import type { OutboxTables } from '@tallystick/outbox';
import type { Questions } from '../questions';
import { consumerQuestions, producerQuestions } from './reconcile';

export function questions(t: OutboxTables): Questions {
  return {
    there: () => ({ text: 'select to_regclass($1) is not null as there', values: [t.version] }),
    clock: ({ sinceMs, graceMs }) => ({
      text: `
select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as now, clock_timestamp()::text as at,
  (clock_timestamp() - $1::float8 * interval '1 ms')::text as since,
  (clock_timestamp() - $2::float8 * interval '1 ms')::text as due`,
      values: [sinceMs, graceMs],
    }),
    // Along the index of times. A parameter that is null asks for nothing.
    inbox: ({ consumer, source, verdict, newerMs, olderMs, limit }) => ({
      text: `
select ${INBOX}
from ${t.inbox}
where ($1::text is null or consumer = $1)
  and ($2::text is null or source = $2)
  and ($3::text is null or verdict = $3)
  and ($4::float8 is null or received_at > clock_timestamp() - $4::float8 * interval '1 ms')
  and ($5::float8 is null or received_at < clock_timestamp() - $5::float8 * interval '1 ms')
order by received_at desc, message_id desc
limit $6`,
      values: [consumer ?? null, source ?? null, verdict ?? null, newerMs ?? null, olderMs ?? null, limit],
    }),
    inboxOf: (id) => ({
      text: `
select ${INBOX}
from ${t.inbox}
where message_id = $1
order by consumer, source`,
      values: [id],
    }),
    // Each along an index, and each only so many.
    latest: ({ service, since, limit }) => ({
      text: `
with found as (
  (select message_id, consumer from ${t.delivery} order by message_id desc, consumer desc limit $3)
  union
  (select message_id, consumer from ${t.delivery} where next_at is not null order by next_at limit $3)
  union
  (select message_id, consumer from ${t.delivery} where state = 'parked' order by message_id desc, consumer desc limit $3)
  union
  (select message_id, consumer from ${t.delivery} where settled_at >= $2::timestamptz - interval '1 s' order by settled_at desc limit $3)
)
select d.message_id as id, d.consumer, m.type, m.aggregatetype as service, d.state, d.attempts, d.last_error as error
from found
join ${t.delivery} d on d.message_id = found.message_id and d.consumer = found.consumer
join ${t.message} m on m.id = d.message_id
where $1::text is null or m.aggregatetype = $1
order by d.message_id, d.consumer`,
      values: [service ?? null, since ?? '-infinity', limit],
    }),
    sent: (service) => ({
      text: `
select m.type, coalesce(array_agg(distinct d.consumer) filter (where d.consumer <> '*'), '{}') as "to"
from (select id, type from ${t.message} where aggregatetype = $1 order by id desc limit 100000) m
join ${t.delivery} d on d.message_id = m.id
group by m.type
order by m.type`,
      values: [service],
    }),
    recorded: (id) => ({
      text: `select type, payload::text as payload from ${t.message} where id::text = $1`,
      values: [id],
    }),
    parked: () => ({
      text: `
select m.aggregatetype as service, count(*)::int as count
from ${t.delivery} d
join ${t.message} m on m.id = d.message_id
where d.state = 'parked'
group by 1
order by 1`,
    }),
    // The first entry of an index.
    overdue: (ms) => ({
      text: `
select (select aggregatetype from ${t.message} m where m.id = message_id) as service, extract(epoch from clock_timestamp() - next_at)::int as seconds
from ${t.delivery}
where next_at is not null
  and next_at < clock_timestamp() - $1::float8 * interval '1 ms'
order by next_at
limit 1`,
      values: [ms],
    }),
    lateFollowUps: () => ({
      text: `
select f.source as service, f.type, f.verdict, f.handler, count(*)::int as count
from ${t.followUp} f
join ${t.message} m on m.aggregatetype = f.source and m.type = f.type
join ${t.delivery} d on d.message_id = m.id and d.verdict = f.verdict
where d.state in ('completed', 'compensated')
  and d.follow_up not in ('both', f.verdict)
  and d.settled_at < f.registered_at
group by 1, 2, 3, 4
order by 1, 2, 3`,
    }),
    addressed: () => ({
      text: `
select distinct m.aggregatetype as service, d.consumer, m.type
from (
  select message_id, consumer from ${t.delivery} where next_at is not null
  union
  (select message_id, consumer from ${t.delivery} order by message_id desc limit 1000)
) d
join ${t.message} m on m.id = d.message_id
where d.consumer <> '*'
order by 1, 2, 3`,
    }),
    handled: (consumer) => ({
      text: `
select consumer, type
from ${t.handler}
where $1::text is null or consumer = $1
order by consumer, type`,
      values: [consumer ?? null],
    }),
    producer: producerQuestions(t),
    consumer: consumerQuestions(t),
  };
}

const INBOX = `message_id as "messageId", consumer, source, verdict, reason, result, encode(payload_hash, 'hex') as "payloadHash",
  to_char(received_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "receivedAt"`;
