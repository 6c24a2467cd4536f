import type { Failure, Faults } from '../../ports/faults';
import { isUnreachable } from '../unreachable';

/**
 * "The whole transaction again": lock wait time-out, deadlock, and a row that changed after the snapshot was taken (MariaDB from
 * 11.6 on). Numbers, for the names are MySQL's also where MariaDB means something else by a number.
 */
const CONFLICTS = [1205, 1213, 1020];

/** The session is no good any more: the server takes no writes, shuts down, or has ended it. */
const SESSION_FAULTS = [1290, 1792, 1836, 1053, 1927, 4031];

/** Data exception; integrity constraint violation. */
const DATA = ['22', '23'];
/** A wrong text or number, and a CHECK, in MySQL, which gives them no class of their own. */
const DATA_NUMBERS = [1366, 3819];

/** Connection exception; no such login; query interrupted; transaction rollback. */
const UNAVAILABLE = ['08', '28', '70', '40'];
/**
 * Disk full, out of memory; no such database; too many connections of this user; a network that was interrupted; too many
 * locks; a statement that took too long (MariaDB, MySQL); a lock that was not to be waited for (MySQL).
 */
const UNAVAILABLE_NUMBERS = [1021, 1037, 1041, 1049, 1203, 1226, 1158, 1159, 1160, 1161, 1206, 1969, 3024, 3572];

/** What mysql2 tells of an error that the server has sent; `errno` is negative where the operating system has. */
interface MysqlError {
  readonly errno?: number;
  readonly code?: string;
  readonly sqlState?: string;
}

export const mysqlFaults: Faults = {
  failureOf(error): Failure {
    const number = errnoOf(error);
    const { sqlState = '', code = '' } = driverErrorOf(error);
    if (number === undefined)
      return isUnreachable(code, error) || code.startsWith('PROTOCOL_') ? 'unavailable' : 'other';
    if ([...CONFLICTS, ...SESSION_FAULTS, ...UNAVAILABLE_NUMBERS].includes(number)) return 'unavailable';
    if (DATA_NUMBERS.includes(number) || DATA.includes(sqlState.slice(0, 2))) return 'data';
    return UNAVAILABLE.includes(sqlState.slice(0, 2)) ? 'unavailable' : 'other';
  },
  isConflict: (error) => isOneOf(CONFLICTS, error),
  isSessionFault: (error) => isOneOf(SESSION_FAULTS, error),
};

/** The server's number for an error, however it is wrapped; undefined if it is none of the server's. */
function errnoOf(error: unknown): number | undefined {
  const { errno } = driverErrorOf(error);
  return typeof errno === 'number' && errno > 0 ? errno : undefined;
}

function isOneOf(numbers: readonly number[], error: unknown): boolean {
  const number = errnoOf(error);
  return number !== undefined && numbers.includes(number);
}

function driverErrorOf(error: unknown): MysqlError {
  const { driverError } = (error ?? {}) as { driverError?: MysqlError };
  return driverError ?? ((error ?? {}) as MysqlError);
}
