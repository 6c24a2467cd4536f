import type { Faults } from '../ports/faults';

const TRIES = 3;

/**
 * Runs a transaction again, at once, when it lost against another one: the database has rolled it back and left no trace,
 * and the winner is done. At READ COMMITTED this is rare; at REPEATABLE READ and SERIALIZABLE, which an application may
 * have chosen, it is how two copies of a message meet. Who loses every time is told, and tries again much later.
 *
 * The same if its session was at fault (read-only since a failover, a plan for other columns): that connection is gone. If it
 * was lost during COMMIT, the work may be done already; so the transaction must begin by looking, as all do that are run here.
 *
 * @param transaction opens its own; in one that is open already, the conflict has ended that one
 */
export async function retryingConflicts<T>(faults: Faults, transaction: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await transaction();
    } catch (error) {
      if (tries >= TRIES || !(faults.isConflict(error) || faults.isSessionFault(error))) throw error;
    }
  }
}
