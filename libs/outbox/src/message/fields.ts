import { messageTypeProblem, serviceNameProblem } from './names';

/**
 * What a field of an envelope may hold, once: whoever writes an envelope refuses by these rules, whoever reads one trusts
 * nothing else. They are as narrow as the narrowest place that a value reaches: a column of the tables, a property of AMQP.
 * Each function says what is wrong, as the end of a sentence; undefined if nothing is.
 */
export type Field = (value: unknown) => string | undefined;

/** Longest short text, in UTF-8 bytes: what a short string of AMQP and a `varchar(255)` both hold. */
const MAX_SHORT_TEXT = 255;
/** Largest attempt: PostgreSQL's `int`. */
export const MAX_ATTEMPT = 2 ** 31 - 1;

const ANY_UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i;
const UUID = new RegExp(`^${ANY_UUID.source}$`, 'i');
const SHA_256 = /^[0-9a-f]{64}$/;
/** RFC 3339, with at most the microseconds of PostgreSQL. */
const INSTANT =
  /^(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)$/;
/** AMQP counts seconds since 1970, and its timestamp has no sign. */
const FIRST_INSTANT = 0;
const LAST_INSTANT = Date.parse('9999-12-31T23:59:59.999Z');

/** Not empty, short, without NUL (PostgreSQL holds none) and without half a character (it would not arrive as it was). */
export function shortTextProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'is missing or no text';
  if (value === '') return 'is empty';
  if (value.includes('\u0000')) return 'holds a NUL character';
  if (/\p{Surrogate}/u.test(value)) return 'holds half of a surrogate pair, which is no Unicode text';
  return Buffer.byteLength(value) > MAX_SHORT_TEXT ? `is longer than ${MAX_SHORT_TEXT} bytes` : undefined;
}

export function uuidProblem(value: unknown): string | undefined {
  return typeof value === 'string' && UUID.test(value) ? undefined : 'is no UUID';
}

/** The first one in what a database says. */
export function uuidIn(text: string): string | undefined {
  return ANY_UUID.exec(text)?.[0];
}

/** SHA-256 in lower-case hexadecimal digits. */
export function hashProblem(value: unknown): string | undefined {
  return typeof value === 'string' && SHA_256.test(value) ? undefined : 'is no SHA-256 in hexadecimal digits';
}

/** A time that exists, of the years 1970 to 9999. */
export function instantProblem(value: unknown): string | undefined {
  const { year, month, day } = (typeof value === 'string' && INSTANT.exec(value)?.groups) || {};
  if (year === undefined) return 'is no RFC 3339 time';
  if (
    Number(month) < 1 ||
    Number(month) > 12 ||
    Number(day) < 1 ||
    !isInMonth(Number(day), Number(year), Number(month))
  )
    return 'is a day that does not exist';
  const at = Date.parse(value as string);
  return at >= FIRST_INSTANT && at <= LAST_INSTANT ? undefined : 'is not of the years 1970 to 9999';
}

/** Date.parse takes the 30th of February for a day in March; PostgreSQL refuses it. */
function isInMonth(day: number, year: number, month: number): boolean {
  return day <= 28 || day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

export function attemptProblem(value: unknown): string | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_ATTEMPT
    ? undefined
    : `is no whole number from 0 to ${MAX_ATTEMPT}`;
}

export function typeProblem(value: unknown): string | undefined {
  return shortTextProblem(value) ?? (messageTypeProblem(value) && 'is no name of a message type');
}

export function serviceProblem(value: unknown): string | undefined {
  return shortTextProblem(value) ?? (serviceNameProblem(value) && 'is no name of a service');
}

export function headerNameProblem(value: string): string | undefined {
  // Whoever copies it into an object loses it.
  return value === '__proto__' ? 'is no name for a header' : shortTextProblem(value);
}

export function headerValueProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be a string';
  if (value.includes('\u0000')) return 'holds a NUL character';
  return /\p{Surrogate}/u.test(value) ? 'holds half of a surrogate pair, which is no Unicode text' : undefined;
}
