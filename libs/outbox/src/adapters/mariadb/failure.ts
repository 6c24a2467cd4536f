import { QueryFailedError } from 'typeorm';

/**
 * The numbers of errors, which MariaDB and MySQL share as far as they are named here. Not the names: mysql2 gives MariaDB's numbers the
 * names that MySQL has for them.
 */
export const DUPLICATE_KEY = 1062;
export const LOCK_WAIT_TIMEOUT = 1205;
const DEADLOCK = 1213;
/** MariaDB 11.6 and later: the row has changed since the snapshot of a REPEATABLE READ. */
const RECORD_CHANGED = 1020;
/** It took longer than it may: MariaDB's number, and MySQL's. */
const STATEMENT_TIMEOUTS: readonly (number | undefined)[] = [1969, 3024];

const CONFLICTS: readonly (number | undefined)[] = [DEADLOCK, RECORD_CHANGED, LOCK_WAIT_TIMEOUT];

/** The server's number of a failed statement; undefined if it was not the server that failed it. */
export function errnoOf(error: unknown): number | undefined {
  const { errno, sqlState } = driverErrorOf(error);
  return typeof sqlState === 'string' && typeof errno === 'number' ? errno : undefined;
}

/** Lost against another transaction, which is done by now: the whole of it may be tried again. */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.includes(errnoOf(error));
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
