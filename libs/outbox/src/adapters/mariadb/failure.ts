import { QueryFailedError } from 'typeorm';

/**
 * The numbers of errors, which MariaDB and MySQL share as far as they are named here. Not the names: mysql2 gives MariaDB's numbers the
 * names that MySQL has for them.
 */
export const DUPLICATE_KEY = 1062;
export const LOCK_WAIT_TIMEOUT = 1205;
/** It took longer than it may: MariaDB's number, and MySQL's. */
const STATEMENT_TIMEOUTS: readonly (number | undefined)[] = [1969, 3024];

/** The server's number of a failed statement; undefined if it was not the server that failed it. */
export function errnoOf(error: unknown): number | undefined {
  const { errno, sqlState } = driverErrorOf(error);
  return typeof sqlState === 'string' && typeof errno === 'number' ? errno : undefined;
}

export function isStatementTimeout(error: unknown): boolean {
  return STATEMENT_TIMEOUTS.includes(errnoOf(error));
}

/** What the server says of it, in which it names the key that was there. */
export function messageOf(error: unknown): string {
  return String(driverErrorOf(error).sqlMessage ?? '');
}

function driverErrorOf(error: unknown): { errno?: unknown; sqlState?: unknown; sqlMessage?: unknown } {
  return (error instanceof QueryFailedError ? error.driverError : (error ?? {})) as object;
}
