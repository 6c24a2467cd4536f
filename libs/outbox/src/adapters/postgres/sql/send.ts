import { EVERYBODY } from '../../../message/delivery';
import { errorText } from '../../../message/receipt';
import { CODES, HOLD_CODES, ON_THE_WAY } from '../../../message/rules';
import type { ClaimRequest, MarkRow } from '../../../ports/store';
import type { Tables } from '../tables';
import { noted, occurrence } from './history';
import { heldUntil, judgedCode, judgedState, isStepThat, mayLeave, stepState } from './rules';
import { bounded, iso, messageColumns, ms, recordedBy, statement, words } from './text';

/** Due deliveries are taken, and what became of them is written down. */
export function sendSql(t: Tables) {
  return {
    /**
     * Deadlines and budgets are judged here and nowhere else: a row is cancelled or parked when it would be due *again*.
     * A new phase begins without a `give_up_at`; its first claim sets it.
     *
     * The order is the index's own, so that it stops at its limit however many are due.
     *
     * What is paused is not skipped but held: moved out of the index of what is due, once, so that no claim reads it again. The
     * locks on the pauses let one end only when no claim is under way that obeys it; without pauses there is nothing to lock.
     * So is what is not at its turn, by what this statement sees; whoever runs it looks again (`nextTurn`).
     */
    claim: statement(
      t,
      'outbox.claim',
      `
with paused as materialized (
  select consumer, type, since, actor, reason
  from ${t.pause}
  where source = $7
  for key share
),
due as materialized (
  select message_id, consumer, state, attempts, next_at, deadline_at, give_up_at, code, last_error, order_key, order_no
  from ${t.delivery}
  where next_at <= (select clock_timestamp())
    and consumer <> all ($1::text[])
    and ${recordedBy(t, 'message_id', '$7')}
  order by next_at
  limit $2
  for no key update skip locked
),
decided as materialized (
  select *,
    ${judgedState(t)} as next_state,
    ${judgedCode(t)} as park_code,
    clock_timestamp() + ${ms('$5')} as leased_until,
    clock_timestamp() + ${ms('$6')} as new_give_up_at
  from due
),
claimed as (
  update ${t.delivery} d
  set state = case next_state when 'held' then d.state else next_state end,
      attempts = case when next_state = d.state then d.attempts + 1 when next_state in ('parked', 'held') then d.attempts else 1 end,
      lease_token = case when next_state not in ('parked', 'held') then $4::uuid end,
      next_at = case next_state when 'parked' then null when 'held' then least(${heldUntil(t, 'park_code', 'd.message_id')}, case when d.consumer <> '${EVERYBODY}' then d.deadline_at end) else leased_until end,
      give_up_at = case
        when next_state = 'held' then null
        when next_state = 'parked' then d.give_up_at
        when next_state = d.state then coalesce(d.give_up_at, new_give_up_at)
        else new_give_up_at
      end,
      code = coalesce(park_code, case when d.code in (${words(HOLD_CODES)}) then null else d.code end),
      last_error = case
        when next_state <> 'parked' or d.code = park_code then d.last_error
        else ${bounded(`concat_ws(': ', park_code, d.last_error)`)}
      end
  from decided
  -- Redundant, and it is what makes the planner look the rows up by key, however large it takes the table to be.
  where d.message_id = any (array(select message_id from due))
    and d.message_id = decided.message_id
    and d.consumer = decided.consumer
  returning d.message_id, d.consumer, d.state, d.attempts, d.deadline_at, d.verdict, d.reason, d.result, d.cancel_reason,
    decided.next_at as due_at, decided.next_state, decided.park_code, decided.order_no, decided.last_error, decided.state as was, decided.attempts as tried, d.last_error as parked_text
),
${noted(
  t,
  'claimed',
  {
    what: `case when park_code is null then ${occurrence('deadline-passed')} else ${occurrence('parked')} end`,
    attempt: 'tried',
    code: 'park_code',
    why: 'case when park_code is not null then parked_text end',
  },
  'state <> was',
)}
(select c.message_id, c.consumer, c.state, c.attempts, ${iso('c.deadline_at')} as deadline_at,
  c.verdict, c.reason::text as reason, c.result::text as result, c.cancel_reason, c.park_code, c.order_no, c.last_error, ${messageColumns('m')}
from claimed c
join ${t.message} m on m.id = c.message_id
where c.next_state <> 'held'
order by c.due_at, c.message_id, c.consumer)
union all
select null, consumer, 'paused', (select count(*)::int from claimed where park_code = '${CODES.paused}'), null,
  null, null, null, actor, null, null, reason, type, null, null, null, null, ${iso('since')}
from paused
union all
select message_id, consumer, 'waits', null, null,
  null, null, null, null, null, null, null, null, null, null, null, null, null
from claimed
where park_code = '${CODES.waitsItsTurn}'`,
      ({ except, limit, maxFollowUpAttempts, leaseToken, leaseMs, giveUpAfterMs, source }: ClaimRequest) => [
        except,
        limit,
        maxFollowUpAttempts,
        leaseToken,
        leaseMs,
        giveUpAfterMs,
        source,
      ],
    ),

    /**
     * The pairs are the fences: which mark may leave which state (R1). Found again by where they are: a locked row does
     * not move, and who moved it before the lock, while this statement ran, took the token with it.
     */
    mark: statement(
      t,
      'outbox.mark',
      `
with outcome as materialized (
  select *
  from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::float8[], $6::text[], $7::text[])
    as o (message_id, consumer, lease_token, kind, wait_ms, code, error)
),
locked as materialized (
  select d.ctid as at, d.state as was, d.attempts as tried, o.kind, o.code as new_code, o.error, clock_timestamp() + ${ms('o.wait_ms')} as due_at
  from outcome o
  join ${t.delivery} d on d.message_id = o.message_id and d.consumer = o.consumer
  where d.lease_token = o.lease_token
    and (o.kind, d.state) in (${mayLeave()})
  order by d.message_id, d.consumer
  for no key update of d skip locked
),
moved as (
  update ${t.delivery} d
  set state = ${stepState('kind', 'd.state')},
      attempts = case when ${isStepThat('uncounts', 'kind')} then greatest(d.attempts - 1, 0) else d.attempts end,
      lease_token = null,
      next_at = case
        when ${isStepThat('ends', 'kind')} then null
        when d.state in (${words(ON_THE_WAY)}) then least(due_at, d.deadline_at)
        else due_at
      end,
      code = coalesce(new_code, d.code),
      last_error = coalesce(error, d.last_error),
      sent_at = case when ${isStepThat('sends', 'kind')} then clock_timestamp() else d.sent_at end,
      settled_at = case when ${isStepThat('ends', 'kind')} then clock_timestamp() end
  from locked
  where d.ctid = locked.at
  returning d.message_id, d.consumer, was, tried, new_code, error
),
${noted(
  t,
  'moved',
  {
    what: `case was when 'answered' then ${occurrence('follow-up-failed')} else ${occurrence('send-failed')} end`,
    attempt: 'tried',
    code: 'new_code',
    why: 'error',
  },
  'error is not null',
)}
select message_id, consumer, 'written' as what
from moved
union all
-- Skipped, and still ours: they are only looked for when one was not written.
select o.message_id, o.consumer, 'held'
from outcome o
join ${t.delivery} d on d.message_id = o.message_id and d.consumer = o.consumer
where (select count(*) from moved) < (select count(*) from outcome)
  and d.lease_token = o.lease_token
  and (o.kind, d.state) in (${mayLeave()})
  and not exists (select from moved m where m.message_id = o.message_id and m.consumer = o.consumer)`,
      (marks: readonly MarkRow[]) => {
        const outcomes = marks.map(({ mark }) => mark);
        return [
          marks.map(({ messageId }) => messageId),
          marks.map(({ consumer }) => consumer),
          marks.map(({ leaseToken }) => leaseToken),
          outcomes.map(({ kind }) => kind),
          outcomes.map((outcome) => ('waitMs' in outcome ? outcome.waitMs : undefined)),
          outcomes.map((outcome) => ('code' in outcome ? outcome.code : undefined)),
          outcomes.map((outcome) =>
            'error' in outcome && outcome.error !== undefined ? errorText(outcome.error) : undefined,
          ),
        ];
      },
      'own',
    ),
  };
}
