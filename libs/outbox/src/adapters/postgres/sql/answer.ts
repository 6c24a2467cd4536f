import { type DeliveryKey, finalStateOf, type ParkCode, type Trouble } from '../../../message/delivery';
import { errorText } from '../../../message/receipt';
import { CODES, NOTES, ON_THE_WAY, PARKABLE } from '../../../message/rules';
import type { AnsweredDelivery, TurnLease } from '../../../ports/store';
import type { Tables } from '../tables';
import { noted, occurrence } from './history';
import { allowed } from './rules';
import {
  ageMs,
  noteBefore,
  closable,
  contentHash,
  followUpOf,
  isAbout,
  messageColumns,
  ms,
  statement,
  words,
} from './text';
import { firstOf, leaseValues, turnColumns } from './turn';
import { jsonText } from './values';

export interface Deferred extends DeliveryKey, Trouble {
  readonly attempt: number;
  readonly waitMs: number;
  readonly payloadHash?: string;
}

export interface Parked extends DeliveryKey {
  readonly attempt: number | 'any';
  readonly code: ParkCode;
  readonly error: string;
  readonly payloadHash?: string;
}

/** `$1` to `$6` of every statement that is about a verdict. */
function answerValues({ messageId, consumer, answer }: AnsweredDelivery): unknown[] {
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

/** A receipt came back. */
export function answerSql(t: Tables) {
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

    close: statement(
      t,
      'outbox.close',
      `
with closed as (
  update ${t.delivery}
  set state = ${finalState('$3::text')},
      verdict = $3,
      reason = $4::json,
      result = $5::json,
      lease_token = null,
      next_at = null,
      settled_at = clock_timestamp()
  where message_id = $1
    and consumer = $2
    and ${allowed('answer')}
    and ${isAbout(t, '$1', '$6')}
  returning message_id, consumer, attempts, follow_up, order_no
)
select c.message_id, c.consumer, c.attempts, c.order_no, ${followUpOf(t, 'c', 'm')} as follow_up, ${messageColumns('m')}, ${ageMs('m.created_at')} as age_ms
from closed c
join ${t.message} m on m.id = c.message_id`,
      answerValues,
    ),

    keepAnswer: statement(
      t,
      'outbox.keep-answer',
      `
with moved as (
  update ${t.delivery}
  set state = 'answered',
      verdict = $3,
      reason = $4::json,
      result = $5::json,
      attempts = 0,
      lease_token = null,
      next_at = clock_timestamp() + ${ms('$7')},
      give_up_at = null,
      code = $9,
      last_error = $8
  where message_id = $1
    and consumer = $2
    and ${allowed('answer')}
    and ${isAbout(t, '$1', '$6')}
  returning message_id, consumer, attempts
),
${noted(t, 'moved', { what: occurrence('follow-up-failed'), code: '$9', why: '$8' })}
select message_id
from moved`,
      ({ waitMs, code, error, ...answered }: AnsweredDelivery & { waitMs: number } & Trouble) => [
        ...answerValues(answered),
        waitMs,
        errorText(error),
        code,
      ],
      'own',
    ),

    closeAnswered: statement(
      t,
      'outbox.close-answered',
      `
with closed as (
  update ${t.delivery}
  set state = ${finalState('verdict')},
      lease_token = null,
      next_at = null,
      settled_at = clock_timestamp()
  where message_id = $1
    and consumer = $2
    and state = 'answered'
    and lease_token = $3
  returning message_id, follow_up
)
select ${followUpOf(t, 'c', 'm')} as follow_up
from closed c
join ${t.message} m on m.id = c.message_id`,
      ({ messageId, consumer, leaseToken }: DeliveryKey & { leaseToken: string }) => [messageId, consumer, leaseToken],
    ),

    defer: statement(
      t,
      'outbox.defer',
      `
with moved as (
  update ${t.delivery}
  set state = 'pending',
      lease_token = null,
      next_at = least(clock_timestamp() + ${ms('$4')}, deadline_at),
      code = $7,
      last_error = $5
  where message_id = $1
    and consumer = $2
    and state in (${words(ON_THE_WAY)})
    and attempts = $3
    and ${isAbout(t, '$1', '$6')}
  returning message_id, consumer, attempts
),
${noted(t, 'moved', { what: occurrence('deferred'), attempt: 'attempts', code: '$7', why: '$5' })}
select message_id
from moved`,
      ({ messageId, consumer, attempt, waitMs, code, error, payloadHash }: Deferred) => [
        messageId,
        consumer,
        attempt,
        waitMs,
        errorText(error),
        payloadHash,
        code,
      ],
      'own',
    ),

    /** Without an attempt (null): whatever the attempt, and from *cancelling* too. */
    park: statement(
      t,
      'outbox.park',
      `
with moved as (
  update ${t.delivery}
  set state = 'parked',
      lease_token = null,
      next_at = null,
      code = $6,
      last_error = $4
  where message_id = $1
    and consumer = $2
    and case
          when $3::int is null then state in (${words(PARKABLE.any)})
          else state in (${words(PARKABLE.attempt)}) and attempts = $3
        end
    and ${isAbout(t, '$1', '$5')}
  returning message_id, consumer, attempts
),
${noted(t, 'moved', { what: occurrence('parked'), attempt: 'attempts', code: '$6', why: '$4' })}
select message_id
from moved`,
      ({ messageId, consumer, attempt, code, error, payloadHash }: Parked) => [
        messageId,
        consumer,
        attempt === 'any' ? null : attempt,
        errorText(`${code}: ${error}`),
        payloadHash,
        code,
      ],
      'own',
    ),

    contentHash: statement(
      t,
      'outbox.content-hash',
      `select ${contentHash(t, '$1')} as content_hash`,
      (messageId: string) => [messageId],
      'own',
    ),

    /** On a discarded row without one the verdict is kept as such; a contradiction only as text, before the older text. The lock keeps pruning away until the history is there, too. */
    noteLateVerdict: statement(
      t,
      'outbox.note-late-verdict',
      `
with recorded as materialized (
  select id
  from ${t.message}
  where id = $1
  for key share
),
moved as (
  update ${t.delivery}
  set verdict = coalesce(verdict, $3),
      reason = case when verdict is null then $4::json else reason end,
      result = case when verdict is null then $5::json else result end,
      code = '${CODES.lateVerdict}',
      last_error = ${noteBefore('$7', 'last_error')}
  from recorded
  where message_id = recorded.id
    and consumer = $2
    and ${allowed('note-late-verdict', { came: '$3::text' })}
    and ${isAbout(t, '$1', '$6')}
  returning message_id, consumer, attempts
),
${noted(t, 'moved', { what: occurrence('late-verdict'), code: `'${CODES.lateVerdict}'`, why: '$7' })}
select message_id
from moved`,
      (answered: AnsweredDelivery) => [
        ...answerValues(answered),
        errorText(NOTES.lateVerdict(answered.answer.verdict, answered.answer.reason?.code)),
      ],
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

function finalState(verdict: string): string {
  return `case ${verdict} when 'accepted' then '${finalStateOf('accepted')}' else '${finalStateOf('rejected')}' end`;
}
