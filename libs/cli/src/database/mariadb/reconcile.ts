import type { MariaDbTableNames } from '@tallystick/outbox';
import type { ConsumerHalf, ProducerHalf } from '../../reconcile/compare';
import type { ConsumerQuestions, ProducerQuestions } from '../questions';

/** The id's bytes in hexadecimal. */
const hexOf = (id: string): string => `replace(${id}, '-', '')`;
const numberOf = (hex: string): string => `cast(conv(${hex}, 16, 10) as unsigned)`;
const minuteOf = (id: string): string => `${numberOf(`left(${hexOf(id)}, 12)`)} div 60000`;

/** The first eight bytes of their SHA-256, as everywhere. */
const hashOf = (id: string): string => numberOf(`left(sha2(unhex(${hexOf(id)}), 256), 16)`);

/** Does the id begin with its time? */
const isTimed = (id: string): string => `substr(${id}, 15, 1) = '7'`;
const within = (id: string): string => `${id} > :after and ${id} <= :upTo and (${id} > :lower or not ${isTimed(id)})`;
const recent = (id: string, time: string): string => `(${isTimed(id)} or ${time} >= :since)`;

/** As text: of numbers so large a driver may lose the last digits. */
const sums = (halves: string): string => `
select ${minuteOf('half.id')} as minute, half.verdict, count(*) as count,
  cast(cast(bit_xor(${hashOf('half.id')}) as signed) as char) as hashes
from (${halves}) half
where half.verdict is not null
group by minute, half.verdict`;

export function producerQuestions(t: MariaDbTableNames, sources: string): ProducerQuestions {
  const from = `
from ${t.delivery} d
join ${t.message} m on m.id = d.message_id
where ${within('d.message_id')}
  and d.consumer in (:consumer, '*')
  and m.aggregatetype = :producer`;
  return {
    sums: (asked, handled) => ({
      text: sums(`
select d.message_id as id,
  case when d.consumer <> '*' then case when d.settled_at is not null then d.verdict end
       when m.type in (:handled) then 'accepted' end as verdict
${from}
  and ${recent('d.message_id', 'm.created_at')}`),
      values: { ...asked, handled: ['', ...handled] }, // an empty list is no list
    }),
    halves: (asked, limit) => ({
      text: `
select d.message_id as id, d.state, d.verdict, d.consumer = '*' as announced, ${recent('d.message_id', 'm.created_at')} as recent
${from}
order by d.message_id
limit :limit`,
      values: { ...asked, limit },
      row: (found) => ({
        ...(found as unknown as ProducerHalf),
        announced: found.announced === 1,
        recent: found.recent === 1,
      }),
    }),
    nth: (range, offset) => ({
      text: `
select message_id as id
from ${t.delivery}
where message_id > :after and message_id <= :upTo
order by message_id, consumer
limit 1 offset :offset`,
      values: { ...range, offset },
    }),
    untimed: (above) => untimed(t.delivery, { above }),
    names: () => ({ text: `select s.source as name from ${sources} s order by name` }),
  };
}

export function consumerQuestions(t: MariaDbTableNames): ConsumerQuestions {
  const from = `
from ${t.inbox} i
where ${within('i.message_id')}
  and i.consumer = :consumer
  and i.source = :producer`;
  return {
    sums: (asked) => ({
      text: sums(`
select i.message_id as id, i.verdict
${from}
  and ${recent('i.message_id', 'i.received_at')}`),
      values: { ...asked },
    }),
    halves: (asked, limit, due) => ({
      text: `
select i.message_id as id, i.verdict, ${recent('i.message_id', 'i.received_at')} as recent, i.received_at < :due as due
${from}
order by i.message_id
limit :limit`,
      values: { ...asked, limit, due },
      row: (found) => ({
        ...(found as unknown as ConsumerHalf),
        recent: found.recent === 1,
        due: found.due === 1,
      }),
    }),
    nth: (range, offset, consumer) => ({
      text: `
select message_id as id
from ${t.inbox}
where message_id > :after and message_id <= :upTo and consumer = :consumer
order by message_id
limit 1 offset :offset`,
      values: { ...range, offset, consumer },
    }),
    untimed: (above, consumer) => untimed(t.inbox, { above, consumer }),
    names: () => ({ text: `select distinct consumer as name from ${t.handler} order by name` }),
  };
}

function untimed(table: string, values: { above: string; consumer?: string }) {
  const whose = values.consumer === undefined ? '' : ' and consumer = :consumer';
  return {
    text: `select exists (select 1 from ${table} where message_id > :above${whose}) as found`,
    values,
    row: ({ found }: Record<string, unknown>) => ({ found: found === 1 }),
  };
}
