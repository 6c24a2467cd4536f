/**
 * Times on their way between columns and rules. A column holds UTC with microseconds, and arrives as its text, for a `Date` would lose
 * the last three digits and ask for a time zone. A rule counts milliseconds since 1970, the microseconds behind the point.
 */

/** `2026-11-29 11:22:33.123456` → milliseconds */
export function msOf(column: string): number {
  return Date.parse(`${column.slice(0, 10)}T${column.slice(11, 23)}Z`) + Number(column.slice(23)) / 1000;
}

/** milliseconds → `2026-11-29 11:22:33.123456` */
export function columnOf(ms: number): string {
  const micros = Math.round(ms * 1000);
  const whole = new Date(Math.floor(micros / 1000)).toISOString();
  return `${whole.slice(0, 10)} ${whole.slice(11, 23)}${String(micros % 1000).padStart(3, '0')}`;
}

/** `2026-11-29 11:22:33.123456` → ISO 8601 */
export function isoOf(column: string): string {
  return `${column.replace(' ', 'T')}Z`;
}

/** ISO 8601, of any time zone → `2026-11-29 09:22:33.123456`. */
export function columnOfIso(iso: string): string {
  const digits = (/\.(\d{1,6})/.exec(iso)?.[1] ?? '').padEnd(6, '0');
  return columnOf(Date.parse(iso.replace(/\.\d+/, '')) + Number(digits) / 1000);
}
