import { SchemaMismatchError } from '../errors';

/** Asks once, however often it is called; after a failure the next call asks again. */
export function askedOnce<T>(ask: () => Promise<T>): () => Promise<T> {
  let known: Promise<T> | undefined;
  return () =>
    (known ??= ask().catch((error: unknown) => {
      known = undefined;
      throw error;
    }));
}

/**
 * @param needed the version of the tables that this library reads and writes
 * @param howTo `migrate`: a sentence; `revert`: what else than a newer library there is for newer tables
 * @throws SchemaMismatchError that says which command to run
 */
export function checkVersion(
  version: number,
  needed: number,
  howTo: { readonly migrate: string; readonly revert?: string },
): void {
  if (version < needed) {
    throw new SchemaMismatchError(
      `The outbox tables are at version ${version}; this library needs ${needed}. ${howTo.migrate}`,
    );
  }
  if (version > needed) {
    throw new SchemaMismatchError(
      `The outbox tables are at version ${version}; this library knows ${needed}. A newer release has migrated ` +
        `them: run \`npm install @tallystick/outbox@latest\`${howTo.revert ? `, or ${howTo.revert}` : ''}.`,
    );
  }
}
