import type { DeliveryKey, ParkCode, Trouble } from '../../../message/delivery';
import { errorText } from '../../../message/receipt';
import { CODES, NOTES, ON_THE_WAY, PARKABLE } from '../../../message/rules';
import type { AnsweredDelivery } from '../../../ports/store';
import type { Tables } from '../tables';
import { answerValues, finalState } from './closing';
import { noted, occurrence } from './history';
import { allowed } from './rules';
import { ageMs, noteBefore, contentHash, followUpOf, isAbout, messageColumns, ms, statement, words } from './text';

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

/** A receipt came back: to a row that must be looked at alone, or one that is no verdict. Those that need only be closed: `closingSql`. */
export function answerSql(t: Tables) {
  return {
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
