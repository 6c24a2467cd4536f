import ms from 'ms';

/** A length of time: milliseconds as a number, or a number with a unit, such as `'30s'`, `'15m'`, `'14d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}` | (string & {});

/** The duration in whole milliseconds, or undefined if it is none: negative, not finite, or not readable. */
export function toMs(duration: Duration): number | undefined {
  const value = typeof duration === 'string' && duration !== '' ? ms(duration as ms.StringValue) : duration;
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.round(value) : undefined;
}

/** Says so of what is none. `example` is how one is written. */
export function noDuration(name: string, value: unknown, example: string): string {
  return `${name} ${JSON.stringify(value)} is no duration: write milliseconds or '${example}'`;
}

/** An argument of a call. @throws TypeError if it is none */
export function durationOf(name: string, value: Duration, example: string): number {
  const found = toMs(value);
  if (found === undefined) throw new TypeError(`${noDuration(name, value, example)}.`);
  return found;
}

/** `90_000` → `2m`: for messages to people, rounded to one unit. */
export function describeMs(value: number): string {
  return ms(value);
}
