/**
 * What a failure of the database says about trying again: *data*: it refuses these values, and always will;
 * *unavailable*: it was not reached, or could not work for anybody just now; *other*: anything else, a mistake of ours
 * included.
 */
export type Failure = 'data' | 'unavailable' | 'other';

/** Data exception; integrity constraint violation. */
const DATA = ['22', '23'];
/**
 * Connection exception, insufficient resources, object not in prerequisite state, operator intervention, system error;
 * transaction rollback; no such login or database; and, below, a standby that takes no writes.
 */
const UNAVAILABLE = ['08', '53', '55', '57', '58', '40', '28', '3D'];
const READ_ONLY = '25006';

/** The driver and the pool speak of connections without a code. */
const CONNECTION = /\b(connect(ion|ed)?|pool|time-?out|timed out|client was closed)\b/i;

export function failureOf(error: unknown): Failure {
  const code = codeOf(error);
  if (/^[0-9A-Z]{5}$/.test(code) && /\d/.test(code)) {
    if (DATA.includes(code.slice(0, 2))) return 'data';
    return code === READ_ONLY || UNAVAILABLE.includes(code.slice(0, 2)) ? 'unavailable' : 'other';
  }
  // ECONNREFUSED, ENOTFOUND, …: of the operating system
  if (/^E[A-Z_]+$/.test(code)) return 'unavailable';
  return error instanceof Error && CONNECTION.test(error.message) ? 'unavailable' : 'other';
}

/** The SQLSTATE or the system's code, however the driver's error is wrapped; '' if there is none. */
export function codeOf(error: unknown): string {
  const { code, driverError } = (error ?? {}) as { code?: unknown; driverError?: { code?: unknown } };
  return String(driverError?.code ?? code ?? '');
}
