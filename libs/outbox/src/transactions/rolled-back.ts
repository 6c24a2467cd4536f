import { SilentRollbackError } from '../errors';

/** Of a statement, or a COMMIT, that found its transaction gone. */
export function rolledBackError(): SilentRollbackError {
  return new SilentRollbackError(
    'The database rolled this transaction back when a statement in it failed (a deadlock, for instance), and the error was ' +
      'caught and ignored: whatever follows would be committed by itself. Let the error leave the transaction, and run all ' +
      'of it again.',
  );
}
