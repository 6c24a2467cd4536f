import { CODES } from '../../../message/rules';
import { orderKeyOf, startOf } from '../../../message/start';
import type { NewMessage, RegisteredFollowUp } from '../../../ports/store';
import type { Tables } from '../tables';
import { iso, literal, ms, statement } from './text';
import { jsonText } from './values';

/** A message is recorded, in the caller's transaction. Many rows travel as one array per column. */
export function recordSql(t: Tables) {
  return {
    /**
     * To one consumer, as nearly all are: two plain inserts, which the application's connections plan anew each time in half
     * of what lists of rows cost (0.04 ms, not 0.08). The time of the statement, for no CTE has to hold it still.
     */
    addOne: statement(
      t,
      'outbox.add-one',
      `
with message as (
  insert into ${t.message} (id, type, aggregatetype, aggregateid, payload, headers, created_at)
  values ($1, $2, $3, $4, $5, $6, statement_timestamp())
)
insert into ${t.delivery} (message_id, consumer, follow_up, state, attempts, lease_token, next_at, deadline_at, give_up_at)
values ($1, $12, $13, 'pending', $7, $8, statement_timestamp() + ${ms('$9')}, statement_timestamp() + ${ms('$10')}, statement_timestamp() + ${ms('$11')})
returning message_id as id, ${iso('statement_timestamp()')} as recorded_at, ${iso('deadline_at')} as deadline_at`,
      ([message]: readonly NewMessage[]) => {
        const { attempts, leaseToken, waitMs, deadlineMs, giveUpMs } = startOf(message!);
        const { id, type, source, key, payload, headers, deliveries } = message!;
        const { consumer, followUp } = deliveries[0]!;
        return [
          id,
          type,
          source,
          key,
          payload,
          jsonText(headers),
          attempts,
          leaseToken,
          waitMs,
          deadlineMs,
          giveUpMs,
          consumer,
          followUp,
        ];
      },
      'all',
    ),

    addMany: statement(t, 'outbox.add-many', addMany(t, { ordered: false }), addManyValues, 'all'),
    addOrdered: statement(t, 'outbox.add-ordered', addMany(t, { ordered: true }), addOrderedValues, 'all'),

    /** What is there stays, with its time: rows closed before it are those that nobody followed up. */
    registerFollowUps: statement(
      t,
      'outbox.register-follow-ups',
      `
insert into ${t.followUp} (source, type, verdict, handler)
select $1, type, verdict, handler
from unnest($2::text[], $3::text[], $4::text[]) as known (type, verdict, handler)
order by type, verdict
on conflict do nothing`,
      ({ source, followUps }: { source: string; followUps: readonly RegisteredFollowUp[] }) => [
        source,
        followUps.map(({ type }) => type),
        followUps.map(({ verdict }) => verdict),
        followUps.map(({ where }) => where),
      ],
    ),

    stillRecorded: statement(
      t,
      'outbox.still-recorded',
      `
select distinct message_id
from ${t.delivery}
where message_id = any ($2::uuid[])
  and lease_token = $1`,
      ({ leaseToken, messageIds }: { leaseToken: string; messageIds: readonly string[] }) => [leaseToken, messageIds],
    ),
  };
}

/**
 * Several messages, and those with more consumers than one. In order: who records the same key for the same consumer waits for the end
 * of the other's transaction, and only then draws a number. So of two that are committed, the one with the smaller number
 * was committed first, and whoever sees the other sees it.
 */
function addMany(t: Tables, { ordered }: { ordered: boolean }): string {
  return `
with ${
    ordered
      ? `turn as materialized (
  select pg_advisory_xact_lock(lane)
  from (
    select distinct hashtextextended(concat_ws(' ', ${literal(t.delivery)}, consumer, order_key), 0) as lane
    from unnest($9::text[], $16::text[]) as new_delivery (consumer, order_key)
    order by lane
  ) lanes
),
clock as materialized (
  select clock_timestamp() as now
  from (select count(*) from turn) locked
),`
      : `clock as materialized (
  select clock_timestamp() as now
),`
  }
message as (
  insert into ${t.message} (id, type, aggregatetype, aggregateid, payload, headers, created_at)
  select id, type, source, key, payload::json, headers::json, now
  from clock, unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    as added (id, type, source, key, payload, headers)
),
delivery as (
  insert into ${t.delivery} (message_id, consumer, follow_up, state, attempts, lease_token, next_at, deadline_at, give_up_at${ordered ? ', order_key, order_no, code' : ''})
  select id, consumer, follow_up, 'pending', attempts, lease_token, now + ${ms('wait_ms')}, now + ${ms('deadline_ms')}, now + ${ms('give_up_ms')}${
    ordered ? `, order_key, nextval(${literal(t.order)}), code` : ''
  }
  from clock, ${
    ordered
      ? `(
    select *
    from unnest($8::uuid[], $9::text[], $10::text[], $11::int[], $12::uuid[], $13::float8[], $14::float8[], $15::float8[], $16::text[], $17::text[])
      with ordinality as listed (id, consumer, follow_up, attempts, lease_token, wait_ms, deadline_ms, give_up_ms, order_key, code, position)
    order by position
  ) new_delivery`
      : `unnest($8::uuid[], $9::text[], $10::text[], $11::int[], $12::uuid[], $13::float8[], $14::float8[], $15::float8[])
    as new_delivery (id, consumer, follow_up, attempts, lease_token, wait_ms, deadline_ms, give_up_ms)`
  }
)
select id, ${iso('now')} as recorded_at, ${iso(`(now + ${ms('deadline_ms')})`)} as deadline_at
from clock, unnest($1::uuid[], $7::float8[]) with ordinality as added (id, deadline_ms, position)
order by position`;
}

function addManyValues(messages: readonly NewMessage[]): unknown[] {
  const deliveries = messages.flatMap((message) => {
    const start = startOf(message);
    return message.deliveries.map((delivery) => ({ id: message.id, ...delivery, ...start }));
  });
  return [
    messages.map(({ id }) => id),
    messages.map(({ type }) => type),
    messages.map(({ source }) => source),
    messages.map(({ key }) => key),
    messages.map(({ payload }) => payload),
    messages.map(({ headers }) => jsonText(headers)),
    messages.map(({ deadlineMs }) => deadlineMs),
    deliveries.map(({ id }) => id),
    deliveries.map(({ consumer }) => consumer),
    deliveries.map(({ followUp }) => followUp),
    deliveries.map(({ attempts }) => attempts),
    deliveries.map(({ leaseToken }) => leaseToken),
    deliveries.map(({ waitMs }) => waitMs),
    deliveries.map(({ deadlineMs }) => deadlineMs),
    deliveries.map(({ giveUpMs }) => giveUpMs),
  ];
}

/** The same, and for each delivery whom it is in order with (a service, and its key), and what it waits for. */
function addOrderedValues(messages: readonly NewMessage[]): unknown[] {
  const keys = messages.flatMap((message) => message.deliveries.map(() => orderKeyOf(message)));
  const codes = messages.flatMap(({ waitsItsTurn, deliveries }) =>
    deliveries.map(() => (waitsItsTurn ? CODES.waitsItsTurn : undefined)),
  );
  return [...addManyValues(messages), keys, codes];
}
