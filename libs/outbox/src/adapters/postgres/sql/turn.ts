import type { DeliveryKey } from '../../../message/delivery';
import { CODES } from '../../../message/rules';
import type { TurnLease } from '../../../ports/store';
import type { Tables } from '../tables';
import { pastDeadline } from './rules';
import { iso, messageColumns, ms, statement } from './text';

/**
 * Whoever is next of a key is let go.
 *
 * The lists come by way of a `select`, which hides from the planner how long they are. It would see that for these very values the
 * statement costs less than for any (ten keys, it says), and plan it anew for each: 1.2 ms, for 0.1 that it runs.
 */
export function turnSql(t: Tables) {
  return {
    nextTurn: statement(
      t,
      'outbox.next-turn',
      `
with line as materialized (
  select distinct d.consumer, d.order_key
  from unnest((select $1::uuid[]), (select $2::text[])) as k (message_id, consumer)
  join ${t.delivery} d on d.message_id = k.message_id and d.consumer = k.consumer
  where d.order_no is not null
),
${firstOf(t, { token: '$3', leaseMs: '$4', giveUpMs: '$5' })}
select ${turnColumns('d', 'm')}
from let_go d
join ${t.message} m on m.id = d.message_id
union all
select first.message_id, first.consumer, 'held', null, null, null, null, null, null, null, null, null, null, null
from first
join ${t.delivery} d on d.message_id = first.message_id and d.consumer = first.consumer
where d.code = '${CODES.waitsItsTurn}'
  and not exists (select from let_go where let_go.message_id = first.message_id and let_go.consumer = first.consumer)`,
      ({ keys, lease }: { keys: readonly DeliveryKey[]; lease: TurnLease | undefined }) => [
        keys.map(({ messageId }) => messageId),
        keys.map(({ consumer }) => consumer),
        ...leaseValues(lease),
      ],
      'own',
    ),
  };
}

/**
 * `let_go`: the first of each `line`, by the index of turns, one look for each key, if it is held for its turn and
 * in nobody's hands. With a token it is leased, by the rules of a claim: what is first has nobody before it, for what has
 * a smaller number was visible earlier; held, it has neither a lease nor a budget. What is past its deadline is left to the claim.
 * `closed` are rows that the same statement makes final, which it still sees as they were.
 */
export function firstOf(
  t: Tables,
  { token, leaseMs, giveUpMs, closed }: { token: string; leaseMs: string; giveUpMs: string; closed?: string },
): string {
  const besides = closed ? `and (d.message_id, d.consumer) not in (select message_id, consumer from ${closed})` : '';
  return `first as materialized (
  select first.message_id, first.consumer
  from line
  cross join lateral (
    select message_id, consumer
    from ${t.delivery} d
    where d.consumer = line.consumer
      and d.order_key = line.order_key
      and d.order_no is not null
      and d.settled_at is null
      ${besides}
    order by d.order_no
    limit 1
  ) first
),
turn as materialized (
  select d.message_id, d.consumer, ${token}::uuid is not null and not coalesce(${pastDeadline('d.deadline_at', 'd.consumer')}, false) as taken
  from first
  join ${t.delivery} d on d.message_id = first.message_id and d.consumer = first.consumer
  where d.code = '${CODES.waitsItsTurn}'
  order by d.message_id, d.consumer
  for no key update of d skip locked
),
let_go as (
  update ${t.delivery} d
  set attempts = case when taken then d.attempts + 1 else d.attempts end,
      lease_token = case when taken then ${token}::uuid end,
      next_at = case when taken then clock_timestamp() + ${ms(leaseMs)} else clock_timestamp() end,
      give_up_at = case when taken then coalesce(d.give_up_at, clock_timestamp() + ${ms(giveUpMs)}) else d.give_up_at end,
      code = null
  from turn
  where d.message_id = turn.message_id
    and d.consumer = turn.consumer
  returning d.message_id, d.consumer, d.state, d.attempts, d.lease_token, d.deadline_at, d.order_key, d.order_no
)`;
}

/** The last three values of a statement that lets somebody go: without a token nobody is leased. */
export function leaseValues(lease: TurnLease | undefined): unknown[] {
  return [lease?.leaseToken, lease?.leaseMs, lease?.giveUpAfterMs];
}

/** What is read of one that was let go. */
export function turnColumns(d: string, m: string): string {
  return `${d}.message_id, ${d}.consumer, ${d}.state, ${d}.attempts, ${d}.lease_token, ${iso(`${d}.deadline_at`)} as deadline_at, ${d}.order_key, ${d}.order_no, ${messageColumns(m)}`;
}
