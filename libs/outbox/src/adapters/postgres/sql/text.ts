import { MAX_ERROR_TEXT } from '../../../message/receipt';
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

/** An error text in its bounds. */
export function bounded(text: string): string {
  return `left(${text}, ${MAX_ERROR_TEXT})`;
}

/** The columns of a recorded message. `payload` as text is what was stored, byte for byte. */
export function messageColumns(m: string): string {
  return `${m}.type, ${m}.aggregatetype as source, ${m}.aggregateid as key, ${m}.payload::text as payload, ${m}.headers::text as headers, ${iso(`${m}.created_at`)} as recorded_at`;
}

/** Names a statement, also in its text. */
export function statement(t: Tables, name: string, text: string, prepared: Statement['prepared'] = 'none'): Statement {
  return { name: t.tag === '' ? name : `${name}.${t.tag}`, text: `${text.trim()} -- ${name}`, prepared };
}
