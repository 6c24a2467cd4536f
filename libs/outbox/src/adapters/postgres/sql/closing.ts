import { finalStateOf } from '../../../message/delivery';
import type { AnsweredDelivery, TurnLease } from '../../../ports/store';
import type { Tables } from '../tables';
import { allowed } from './rules';
import { ageMs, closable, statement } from './text';
import { firstOf, leaseValues, turnColumns } from './turn';
import { jsonText } from './values';

/** `$1` to `$6` of every statement that is about a verdict. */
export function answerValues({ messageId, consumer, answer }: AnsweredDelivery): unknown[] {
  const { verdict, reason, result, payloadHash } = answer;
  return [messageId, consumer, verdict, jsonText(reason), jsonText(result), payloadHash];
}

/** The same of many, one array per column. */
function manyValues(answers: readonly AnsweredDelivery[]): unknown[] {
  return [
    answers.map(({ messageId }) => messageId),
    answers.map(({ consumer }) => consumer),
    answers.map(({ answer }) => answer.verdict),
    answers.map(({ answer }) => jsonText(answer.reason)),
    answers.map(({ answer }) => jsonText(answer.result)),
    answers.map(({ answer }) => answer.payloadHash),
  ];
}

/** Receipts came back to rows that expect no follow-up: closed at once, and in the same statement perhaps the next of their keys are taken. */
export function closingSql(t: Tables) {
  return {
    closeMany: statement(t, 'outbox.close-many', closing(t, listed(t)), manyValues, 'own'),
    closeOne: statement(t, 'outbox.close-one', closing(t, single(t)), answerValues, 'own'),

    closeAndTake: statement(
      t,
      'outbox.close-and-take',
      taking(t, listed(t)),
      ({ answers, lease }: { answers: readonly AnsweredDelivery[]; lease: TurnLease }) => [
        ...manyValues(answers),
        ...leaseValues(lease),
      ],
      'own',
    ),
    closeOneAndTake: statement(
      t,
      'outbox.close-one-and-take',
      taking(t, single(t)),
      ({ answer, lease }: { answer: AnsweredDelivery; lease: TurnLease }) => [
        ...answerValues(answer),
        ...leaseValues(lease),
      ],
      'own',
    ),
  };
}

/** Answers, as lists. */
function listed(t: Tables): string {
  return `answer as materialized (
  select *
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    as a (message_id, consumer, verdict, reason, result, payload_hash)
),
locked as materialized (
  select d.message_id, d.consumer, a.verdict, a.reason, a.result
  from answer a
  join ${t.delivery} d on d.message_id = a.message_id and d.consumer = a.consumer
  -- Redundant, and it is what makes the planner look the rows up by key, however large it takes the table to be.
  where d.message_id = any (array(select message_id from answer))
    and ${allowed('answer', { of: 'd.' })}
    and ${closable(t, 'd', 'a.verdict', 'a.payload_hash')}
  order by d.message_id, d.consumer
  for no key update of d skip locked
)`;
}

/** One answer, without lists: PostgreSQL takes longer to start a statement of theirs than to execute it for one row. */
function single(t: Tables): string {
  return `locked as materialized (
  select message_id, consumer, $3::text as verdict, $4::text as reason, $5::text as result
  from ${t.delivery} d
  where message_id = $1
    and consumer = $2
    and ${allowed('answer')}
    and ${closable(t, 'd', '$3::text', '$6::text')}
  for no key update of d skip locked
)`;
}

/** @param named as a part of a larger statement, under this name */
function closing(t: Tables, locked: string, named = ''): string {
  return `
with ${locked}${named ? `,\n${named} as (` : ''}
update ${t.delivery} d
set state = ${finalState('locked.verdict')},
    verdict = locked.verdict,
    reason = locked.reason::json,
    result = locked.result::json,
    lease_token = null,
    next_at = null,
    settled_at = clock_timestamp()
from locked
-- Not to be merged into the rest: one look-up by key per row, in any plan.
cross join lateral (select m.type, m.created_at from ${t.message} m where m.id = locked.message_id offset 0) m
where d.message_id = locked.message_id
  and d.consumer = locked.consumer
returning d.message_id, d.consumer, d.order_no, ${named ? 'd.order_key, ' : ''}m.type, ${ageMs('m.created_at')} as age_ms${named ? '\n)' : ''}`;
}

/** In the same commit the next of their keys are leased, by what this statement sees. */
function taking(t: Tables, locked: string): string {
  return `
${closing(t, locked, 'closed')},
line as materialized (
  select distinct consumer, order_key
  from closed
  where order_no is not null
),
${firstOf(t, { token: '$7', leaseMs: '$8', giveUpMs: '$9', closed: 'closed' })}
select message_id, consumer, 'closed' as state, null::int as attempts, null::uuid as lease_token, null as deadline_at, order_key, order_no,
  type, null as source, null as key, null as payload, null as headers, null as recorded_at, age_ms
from closed
union all
select ${turnColumns('d', 'm')}, null
from let_go d
join ${t.message} m on m.id = d.message_id
where d.lease_token is not null`;
}

export function finalState(verdict: string): string {
  return `case ${verdict} when 'accepted' then '${finalStateOf('accepted')}' else '${finalStateOf('rejected')}' end`;
}
