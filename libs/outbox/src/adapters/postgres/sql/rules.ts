import { type Act, type Condition, MAY, REOPENINGS } from '../../../message/acts';
import { EVERYBODY, isFinal } from '../../../message/delivery';
import { CODES, type Circumstance, HELD_MS, JUDGEMENTS, type Step, STEPS, TURN_MS } from '../../../message/rules';
import type { Tables } from '../tables';
import { ageMs, ms, words } from './text';

/** The lists of `message/rules.ts`, as SQL over the columns of a delivery. Nothing is decided here. */

/**
 * What becomes of the row that is `due`; `$3` is how often a follow-up may fail, `paused` are the pauses of its service. While
 * there are none, nobody looks for its type.
 */
const holds = (t: Tables): Readonly<Record<Circumstance, string>> => ({
  'past-deadline': pastDeadline('deadline_at', 'consumer'),
  paused: `exists (select from paused p where ${pauseHolds('p', 'due.consumer', `(select m.type from ${t.message} m where m.id = message_id)`)})`,
  // Who is first, by the index, and not whether there is anybody: for that the planner may rather read the table from its beginning.
  'out-of-turn': `order_no is not null and order_no > (
      select first.order_no
      from ${t.delivery} first
      where first.consumer = due.consumer and first.order_key = due.order_key and first.order_no is not null and first.settled_at is null
      order by first.order_no
      limit 1
    )`,
  'attempts-spent': 'attempts >= $3',
  'budget-spent': 'give_up_at <= clock_timestamp()',
  'budget-spent-unheard': `give_up_at <= clock_timestamp() and code = 'NOBODY_LISTENS'`,
});

/** Whether a pause is about a consumer and a type; the empty text stands for all of them. */
function pauseHolds(p: string, consumer: string, type: string): string {
  return `${p}.consumer in ('', ${consumer}) and (${p}.type = '' or ${p}.type = ${type})`;
}

/** An announcement is never past its deadline. */
export function pastDeadline(deadline: string, consumer: string): string {
  return `${deadline} <= clock_timestamp() and ${consumer} <> '${EVERYBODY}'`;
}

/** The state of a due row's next attempt, `parked`, or `held`. */
export function judgedState(t: Tables): string {
  return firstOf(t, ({ ends }) => `'${ends.in}'`, 'state');
}

/** The code that a due row is parked or held with; null if it is neither. */
export function judgedCode(t: Tables): string {
  return firstOf(t, ({ ends }) => (ends.in === 'cancelling' ? 'null' : `'${ends.code}'`), 'null');
}

/** Until when a row is held for what `code` says: `heldFor`, and what is paused up to twice as long. */
export function heldUntil(t: Tables, code: string, id: string): string {
  const age = `(select ${ageMs('m.created_at')} from ${t.message} m where m.id = ${id})`;
  const waits = `case ${code} when '${CODES.paused}' then (1 + random()) * ${HELD_MS} else least(${TURN_MS.max}, greatest(${TURN_MS.min}, ${age})) end`;
  return `clock_timestamp() + ${ms(`(${waits})`)}`;
}

function firstOf(t: Tables, then: (judgement: (typeof JUDGEMENTS)[number]) => string, otherwise: string): string {
  const held = holds(t);
  const whens = JUDGEMENTS.map(
    (judgement) => `when state in (${words(judgement.of)}) and ${held[judgement.when]} then ${then(judgement)}`,
  );
  return `case ${whens.join(' ')} else ${otherwise} end`;
}

/** The pairs of a mark and a state that it may leave (R1). */
export function mayLeave(): string {
  const pairs = Object.entries(STEPS).flatMap(([kind, { leaves }]) => leaves.map((state) => `('${kind}', '${state}')`));
  return pairs.join(', ');
}

/** What a mark makes of a state. */
export function stepState(kind: string, state: string): string {
  const whens = Object.entries(STEPS).flatMap(([name, { becomes }]) =>
    becomes ? [`when '${name}' then '${becomes}'`] : [],
  );
  return `case ${kind} ${whens.join(' ')} else ${state} end`;
}

/** True of the kinds of marks that send, that end the delivery, that take the attempt back. */
export function isStepThat(does: 'sends' | 'ends' | 'uncounts', kind: string): string {
  const holds = {
    sends: ({ sends }: Step) => sends === true,
    ends: ({ becomes }: Step) => becomes !== undefined && isFinal(becomes),
    uncounts: ({ uncounted }: Step) => uncounted === true,
  }[does];
  return `${kind} in (${words(Object.entries(STEPS).flatMap(([name, step]) => (holds(step) ? [name] : [])))})`;
}

/** True of a row to which that may be done. `of` is put before its columns, `came` is the verdict that it is about. */
export function allowed(act: Act, { of = '', came }: { of?: string; came?: string } = {}): string {
  const alternatives = MAY[act].map((condition) => every(condition, of, came));
  return alternatives.length === 1 ? alternatives[0]! : `(${alternatives.join(' or ')})`;
}

function every({ state, verdict, consumer, code }: Condition, of: string, came: string | undefined): string {
  const verdicts = {
    none: `${of}verdict is null`,
    some: `${of}verdict is not null`,
    another: `${of}verdict <> ${came}`,
  };
  return [
    ...(state ? [`${of}state in (${words(state)})`] : []),
    ...(verdict ? [verdicts[verdict]] : []),
    ...(consumer ? [`${of}consumer ${consumer === 'everybody' ? '=' : '<>'} '${EVERYBODY}'`] : []),
    ...(code ? [`${of}code in (${words(code)})`] : []),
  ].join(' and ');
}

/** The state in which a parked row goes on. */
export function reopenedState(row: { verdict: string; deadline: string; consumer: string }): string {
  const holds = { answered: `${row.verdict} is not null`, 'past-deadline': pastDeadline(row.deadline, row.consumer) };
  const whens = REOPENINGS.map(({ when, becomes }) => `when ${holds[when]} then '${becomes}'`);
  return `case ${whens.join(' ')} else 'pending' end`;
}
