import { followUpOf as both } from '../../../message/delivery';
import { MAX_ERROR_TEXT, type Verdict } from '../../../message/receipt';
import { OLDER } from '../../../message/rules';
import type { Statement } from '../database';
import type { Tables } from '../tables';

/** An instant as text: ISO 8601, UTC, with PostgreSQL's microseconds, which a JavaScript Date would lose. */
export function iso(expression: string): string {
  return `to_char(${expression} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

/** A number of milliseconds as an interval. */
export function ms(expression: string): string {
  return `${expression}::float8 * interval '1 ms'`;
}

/** A list for `in (…)`. Only for words of our own. */
export function words(list: readonly string[]): string {
  return list.map((word) => `'${word}'`).join(', ');
}

/** A text as a constant. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** An error text in its bounds. */
export function bounded(text: string): string {
  return `left(${text}, ${MAX_ERROR_TEXT})`;
}

/** As `noteBefore`. */
export function noteBefore(note: string, older: string): string {
  return bounded(`concat_ws('${OLDER}', ${note}::text, ${older})`);
}

/** How long ago that was, in milliseconds. */
export function ageMs(instant: string): string {
  return `(extract(epoch from clock_timestamp() - ${instant}) * 1000)::float8`;
}

/** The columns of a recorded message. `payload` as text is what was stored, byte for byte. */
export function messageColumns(m: string): string {
  return `${m}.type, ${m}.aggregatetype as source, ${m}.aggregateid as key, ${m}.payload::text as payload, ${m}.headers::text as headers, ${iso(`${m}.created_at`)} as recorded_at`;
}

/** The columns of a delivery as a person sees it. */
export function recordColumns(t: Tables, d: string, m: string): string {
  return `${d}.message_id, ${d}.consumer, ${m}.type, ${m}.aggregateid as key, ${d}.state, ${d}.attempts, ${followUpOf(t, d, m)} as follow_up,
  ${d}.verdict, ${d}.reason::text as reason, ${d}.result::text as result, ${d}.code, ${d}.last_error, ${iso(`${m}.created_at`)} as recorded_at,
  ${iso(`${d}.next_at`)} as next_at, ${iso(`${d}.deadline_at`)} as deadline_at, ${iso(`${d}.sent_at`)} as sent_at, ${iso(`${d}.settled_at`)} as settled_at`;
}

/**
 * Services that share the tables leave each other's rows alone. Not a join: one look-up by key per row, in any plan.
 *
 * `coalesce` hides the comparison from the planner, which would take it to hold for one row in two hundred, and then rather
 * read and sort all there are than stop at a limit: half a second for a claim among 50,000 due rows.
 */
export function recordedBy(t: Tables, id: string, source: string): string {
  return `coalesce((select m.aggregatetype from ${t.message} m where m.id = ${id}) = ${source}, false)`;
}

/** What `contentHash` makes of the recorded message with this id. A query of its own: one look-up by key per row, in any plan. */
export function contentHash(t: Tables, id: string): string {
  return `(select ${hashOf('m')} from ${t.message} m where m.id = ${id})`;
}

function hashOf(m: string): string {
  return `encode(sha256(convert_to(${m}.type, 'UTF8') || decode('00', 'hex') || convert_to(${m}.payload::text, 'UTF8')), 'hex')`;
}

/** True unless the answer names other content than what was recorded. */
export function isAbout(t: Tables, id: string, hash: string): string {
  return `(${hash}::text is null or ${hash} = ${contentHash(t, id)})`;
}

/**
 * What a row says and what its service has registered (R13), asked when the row is closed: neither who recorded it nor who
 * closes it needs to have the handler. Rows that are written by hand need not know of it.
 */
export function followUpOf(t: Tables, d: string, m: string): string {
  const expected = (verdict: Verdict): string =>
    `(${d}.follow_up in ('both', '${verdict}') or ${registered(t, m, `'${verdict}'`)})::int`;
  const four = [both(false, false), both(true, false), both(false, true), both(true, true)];
  return `(array[${words(four)}])[1 + ${expected('accepted')} + 2 * ${expected('rejected')}]`;
}

/**
 * True if an answer with this verdict may close the row without more ado: the row expects no follow-up for it, and it is
 * about what was recorded. One look-up by key per row, in any plan.
 */
export function closable(t: Tables, d: string, verdict: string, hash: string): string {
  return `${d}.follow_up not in ('both', ${verdict})
    and (select (${hash} is null or ${hash} = ${hashOf('m')}) and not ${registered(t, 'm', verdict)} from ${t.message} m where m.id = ${d}.message_id)`;
}

function registered(t: Tables, m: string, verdict: string): string {
  return `exists (select from ${t.followUp} f where f.source = ${m}.aggregatetype and f.type = ${m}.type and f.verdict = ${verdict})`;
}

/** A statement with its values, in the order of `$1`, `$2`, …. Names it, also in its text. */
export function statement<Args = void>(
  t: Tables,
  name: string,
  text: string,
  values: Statement<Args>['values'],
  prepared: Statement['prepared'] = 'none',
): Statement<Args> {
  return { name: t.tag === '' ? name : `${name}.${t.tag}`, text: `${text.trim()} -- ${name}`, values, prepared };
}
