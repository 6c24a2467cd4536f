import type { MariaDbTableNames, TableOptions } from '@tallystick/outbox';
import type { Question } from '../engine';
import type { InboxRow, Questions } from '../questions';
import { consumerQuestions, producerQuestions } from './reconcile';

/** Texts of MariaDB that MySQL understands as well. An index that begins with the service is asked for one service at a time. */
export function questions(t: MariaDbTableNames, { schema, prefix = '' }: TableOptions): Questions {
  const sources = `(select distinct one.source from ${t.delivery} one)`;
  return {
    there: () => ({
      text: `
select count(*) as found
from information_schema.tables
where table_schema = coalesce(:schema, database())
  and table_name = :name`,
      values: { schema: schema ?? null, name: `${prefix}outbox_schema` },
      row: ({ found }) => ({ there: found === 1 }),
    }),
    clock: ({ sinceMs, graceMs }) => ({
      text: `
select timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)) div 1000 as now, cast(utc_timestamp(6) as char) as at,
  cast(${AGO(':since')} as char) as since, cast(${AGO(':grace')} as char) as due`,
      values: { since: micros(sinceMs), grace: micros(graceMs) },
    }),
    inbox: ({ consumer, source, verdict, newerMs, olderMs, limit }) => {
      const conditions = [
        consumer !== undefined && 'consumer = :consumer',
        source !== undefined && 'source = :source',
        verdict !== undefined && 'verdict = :verdict',
        newerMs !== undefined && `received_at > ${AGO(':newer')}`,
        olderMs !== undefined && `received_at < ${AGO(':older')}`,
      ].filter((condition) => condition !== false);
      return inboxRows(
        `
from ${t.inbox}
where ${['true', ...conditions].join('\n  and ')}
order by received_at desc, message_id desc
limit :limit`,
        { consumer, source, verdict, newer: micros(newerMs ?? 0), older: micros(olderMs ?? 0), limit },
      );
    },
    inboxOf: (id) =>
      inboxRows(
        `
from ${t.inbox}
where message_id = :id
order by consumer, source`,
        { id: id.toLowerCase() },
      ),
    latest: ({ service, known, since, limit }) => {
      const services = service === undefined ? known : [service];
      const values = Object.fromEntries(services.map((name, index) => [`service${index}`, name]));
      const kinds = services.flatMap((_, index) => {
        const of = (condition: string, order: string): string =>
          `(select d.message_id, d.consumer from ${t.delivery} d where d.source = :service${index} and ${condition} order by ${order} limit :limit)`;
        return [
          of('d.next_at is not null', 'd.next_at'),
          of(`d.state = 'parked'`, 'd.message_id desc, d.consumer desc'),
          of('d.settled_at >= cast(:since as datetime(6)) - interval 1 second', 'd.settled_at desc'),
        ];
      });
      const newest = `(select d.message_id, d.consumer from ${t.delivery} d order by d.message_id desc, d.consumer desc limit :limit)`;
      return {
        text: `
select d.message_id as id, d.consumer, m.type, m.aggregatetype as service, d.state, d.attempts, d.last_error as error
from (${[newest, ...kinds].join('\n  union\n  ')}) found
join ${t.delivery} d on d.message_id = found.message_id and d.consumer = found.consumer
join ${t.message} m on m.id = d.message_id
${service === undefined ? '' : 'where m.aggregatetype = :service0'}
order by d.message_id, d.consumer`,
        values: { ...values, since: since ?? '1000-01-01', limit },
      };
    },
    sent: (service) => ({
      text: `
select pairs.type, json_arrayagg(pairs.consumer) as consumers
from (
  select distinct m.type, d.consumer
  from (select id, type from ${t.message} where aggregatetype = :service order by id desc limit 100000) m
  join ${t.delivery} d on d.message_id = m.id
) pairs
group by pairs.type
order by pairs.type`,
      values: { service },
      row: ({ type, consumers }) => ({
        type: String(type),
        to: (JSON.parse(String(consumers)) as string[]).filter((name) => name !== '*').sort(),
      }),
    }),
    recorded: (id) => ({ text: `select type, payload from ${t.message} where id = :id`, values: { id } }),
    parked: () => ({
      text: `
select d.source as service, count(*) as count
from ${sources} s
join ${t.delivery} d on d.source = s.source and d.state = 'parked'
group by d.source
order by d.source`,
    }),
    overdue: (ms) => ({
      text: `
select earliest.source as service, timestampdiff(second, earliest.next_at, utc_timestamp(6)) as seconds
from (select d.source, min(d.next_at) as next_at from ${t.delivery} d group by d.source) earliest
where earliest.next_at < ${AGO(':ago')}
order by earliest.next_at
limit 1`,
      values: { ago: micros(ms) },
    }),
    lateFollowUps: () => ({
      text: `
select f.source as service, f.type, f.verdict, f.handler, count(*) as count
from ${t.followUp} f
join ${t.delivery} d on d.source = f.source and d.verdict = f.verdict
join ${t.message} m on m.id = d.message_id and m.type = f.type
where d.state in ('completed', 'compensated')
  and d.follow_up not in ('both', f.verdict)
  and d.settled_at < f.registered_at
group by f.source, f.type, f.verdict, f.handler
order by f.source, f.type, f.verdict`,
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
order by service, consumer, type`,
    }),
    handled: (consumer) => ({
      text: `
select consumer, type
from ${t.handler}
${consumer === undefined ? '' : 'where consumer = :consumer'}
order by consumer, type`,
      values: { consumer },
    }),
    producer: producerQuestions(t, sources),
    consumer: consumerQuestions(t),
  };
}

const AGO = (micros: string): string => `utc_timestamp(6) - interval ${micros} microsecond`;
const micros = (ms: number): number => Math.round(ms * 1_000);

/** JSON is text here: `null` in it would be the text of a null. */
function inboxRows(from: string, values: Record<string, unknown>): Question<InboxRow> {
  const columns = `message_id as messageId, consumer, source, verdict, reason, result, payload_hash as payloadHash,
  date_format(received_at, '%Y-%m-%dT%H:%i:%s.%fZ') as receivedAt`;
  return {
    text: `select ${columns}${from}`,
    values,
    row: (found) => ({
      ...(found as unknown as InboxRow),
      reason: parsed(found.reason),
      result: parsed(found.result),
    }),
  };
}

function parsed(json: unknown): unknown {
  return typeof json === 'string' ? JSON.parse(json) : null;
}
