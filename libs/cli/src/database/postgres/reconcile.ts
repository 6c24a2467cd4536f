import type { OutboxTables } from '@tallystick/outbox';
import type { Asked, ConsumerQuestions, ProducerQuestions } from '../questions';

const minuteOf = (id: string): string => `('x' || left(replace(${id}::text, '-', ''), 12))::bit(48)::bigint / 60000`;

/** The ids as they are would do for random ones; those that somebody counts up cancel each other out. */
const hashOf = (id: string): string =>
  `('x' || encode(substring(sha256(uuid_send(${id})) from 1 for 8), 'hex'))::bit(64)::bigint`;

/** Does the id begin with its time? */
const isTimed = (id: string): string => `substr(${id}::text, 15, 1) = '7'`;

const valuesOf = ({ lower, since, after, upTo, producer, consumer }: Asked): string[] => [
  ...[lower, since, after, upTo],
  ...[producer, consumer],
];
const within = (id: string): string => `${id} > $3 and ${id} <= $4 and (${id} > $1 or not ${isTimed(id)})`;
const recent = (id: string, time: string): string => `(${isTimed(id)} or ${time} >= $2)`;

const sums = (halves: string): string => `
select (${minuteOf('id')})::float8 as minute, verdict, count(*)::int as count, bit_xor(${hashOf('id')})::text as hashes
from (${halves}) half
where verdict is not null
group by 1, 2`;

export function producerQuestions(t: OutboxTables): ProducerQuestions {
  const from = `
from ${t.delivery} d
join ${t.message} m on m.id = d.message_id
where ${within('d.message_id')}
  and d.consumer in ($6, '*')
  and m.aggregatetype = $5`;
  return {
    sums: (asked, handled) => ({
      text: sums(`
select d.message_id as id,
  case when d.consumer <> '*' then case when d.settled_at is not null then d.verdict end
       when m.type = any ($7::text[]) then 'accepted' end as verdict
${from}
  and ${recent('d.message_id', 'm.created_at')}`),
      values: [...valuesOf(asked), handled],
    }),
    halves: (asked, limit) => ({
      text: `
select d.message_id as id, d.state, d.verdict, d.consumer = '*' as announced, ${recent('d.message_id', 'm.created_at')} as recent
${from}
order by d.message_id
limit $7`,
      values: [...valuesOf(asked), limit],
    }),
    nth: ({ after, upTo }, offset) => ({
      text: `
select message_id as id
from ${t.delivery}
where message_id > $1 and message_id <= $2
order by message_id, consumer
offset $3
limit 1`,
      values: [after, upTo, offset],
    }),
    untimed: (above) => ({ text: untimed(t.delivery), values: [above] }),
    names: () => ({
      text: `
select distinct aggregatetype as name
from (select aggregatetype from ${t.message} order by id desc limit 1000) newest
order by name`,
    }),
  };
}

export function consumerQuestions(t: OutboxTables): ConsumerQuestions {
  const from = `
from ${t.inbox} i
where ${within('i.message_id')}
  and i.consumer = $6
  and i.source = $5`;
  return {
    sums: (asked) => ({
      text: sums(`
select i.message_id as id, i.verdict
${from}
  and ${recent('i.message_id', 'i.received_at')}`),
      values: valuesOf(asked),
    }),
    halves: (asked, limit, due) => ({
      text: `
select i.message_id as id, i.verdict, ${recent('i.message_id', 'i.received_at')} as recent, i.received_at < $8 as due
${from}
order by i.message_id
limit $7`,
      values: [...valuesOf(asked), limit, due],
    }),
    nth: ({ after, upTo }, offset, consumer) => ({
      text: `
select message_id as id
from ${t.inbox}
where message_id > $1 and message_id <= $2 and consumer = $4
order by message_id
offset $3
limit 1`,
      values: [after, upTo, offset, consumer],
    }),
    untimed: (above, consumer) => ({ text: untimed(t.inbox, 'consumer = $2'), values: [above, consumer] }),
    names: () => ({ text: `select distinct consumer as name from ${t.handler} order by name` }),
  };
}

function untimed(table: string, whose = 'true'): string {
  return `select exists (select from ${table} where message_id > $1 and ${whose}) as found`;
}
