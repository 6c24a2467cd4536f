/** A number of milliseconds, as the microseconds of an interval. */
export function micros(ms: number): number {
  return Math.round(ms * 1000);
}

/** That instant, so many microseconds ago: for `?`. */
export const AGO = 'utc_timestamp(6) - interval ? microsecond';

/** How long ago an instant was, in milliseconds. */
export function ageMs(instant: string): string {
  return `timestampdiff(microsecond, ${instant}, utc_timestamp(6)) / 1000`;
}
