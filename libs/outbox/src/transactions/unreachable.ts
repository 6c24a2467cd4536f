/** The driver and the pool speak of connections without a code. */
const CONNECTION = /\b(connect(ion|ed)?|pool|time-?out|timed out|client was closed)\b/i;

/**
 * Nobody was reached, as far as the operating system, the driver or the pool tell. @param code of the error, '' if there is none
 */
export function isUnreachable(code: string, error: unknown): boolean {
  if (/^E[A-Z_]+$/.test(code)) return true; // ECONNREFUSED, ENOTFOUND, …
  return error instanceof Error && CONNECTION.test(error.message);
}
