import type { Failure, Faults } from '../../ports/faults';
import { isUnreachable } from '../unreachable';

/** "Try the same again": serialization failure and deadlock. */
const CONFLICTS = ['40001', '40P01'];
/** Data exception; integrity constraint violation. */
const DATA = ['22', '23'];
/**
 * Connection exception, insufficient resources, object not in prerequisite state, operator intervention, system error;
 * transaction rollback; no such login or database; and, below, a standby that takes no writes.
 */
const UNAVAILABLE = ['08', '53', '55', '57', '58', '40', '28', '3D'];
const READ_ONLY = '25006';

/**
 * The session is no good any more, whatever the statement: read-only since a failover; ended by the server; lost; a plan
 * that was made for other columns; a prepared statement that somebody else discarded, or made.
 */
const SESSION_FAULTS = [READ_ONLY, '0A000', '26000', '42P05'];
const SESSION_ENDED = ['57P', '08'];
/** Of these the server says that it did nothing. Not so if the connection is lost, or the server crashes (57P02). */
const REFUSED = [...SESSION_FAULTS, '57P01'];

/** By SQLSTATE. */
export const postgresFaults: Faults = {
  failureOf(error): Failure {
    const code = codeOf(error);
    if (/^[0-9A-Z]{5}$/.test(code) && /\d/.test(code)) {
      if (DATA.includes(code.slice(0, 2))) return 'data';
      return code === READ_ONLY || UNAVAILABLE.includes(code.slice(0, 2)) ? 'unavailable' : 'other';
    }
    return isUnreachable(code, error) ? 'unavailable' : 'other';
  },
  isConflict: (error) => CONFLICTS.includes(codeOf(error)),
  isSessionFault(error) {
    const code = codeOf(error);
    return SESSION_FAULTS.includes(code) || SESSION_ENDED.some((prefix) => code.startsWith(prefix));
  },
};

/** A fault of the session that the server noticed before it did anything: what was asked may be asked again, whatever it is. */
export function isRefusedBySession(error: unknown): boolean {
  return REFUSED.includes(codeOf(error));
}

/** The SQLSTATE or the system's code, however the driver's error is wrapped; '' if there is none. */
export function codeOf(error: unknown): string {
  const { code, driverError } = (error ?? {}) as { code?: unknown; driverError?: { code?: unknown } };
  return String(driverError?.code ?? code ?? '');
}
