import {
  Cleanup,
  exportTestPooler,
  exportTestPoolerMissing,
  exportTestPostgres,
  exportTestRabbit,
  exportTestRabbitMissing,
  findRabbit,
  ProgramUnavailableError,
  RabbitUnavailableError,
  startPgBouncer,
  startPostgres,
} from '../services/src/index';

/** How `servers-stop.ts` finds what to stop: Jest loads the two files apart from each other. */
export const CLEANUP = Symbol.for('tallystick.jest.cleanup');
export type RunGlobals = typeof globalThis & { [CLEANUP]?: Cleanup };

/**
 * One PostgreSQL, with a pooler in front of it, and one RabbitMQ for the whole run. Jest calls this once, however many projects name the file, and
 * only if a test of one of them is to run.
 */
export default async function startServers(): Promise<void> {
  const cleanup = new Cleanup();
  (globalThis as RunGlobals)[CLEANUP] = cleanup;
  const onProgress = (line: string): void => {
    if (process.env.TALLYSTICK_TEST_VERBOSE) console.log(line);
  };
  const postgres = startPostgres({ onProgress });
  const rabbit = findRabbit({ install: true, onProgress });
  // Not before the broker is there: both may be fetched from Debian, and two `apt-get update` refuse each other.
  const pooler = rabbit.catch(() => {}).then(async () => startPgBouncer(await postgres, { onProgress }));
  const started = await Promise.allSettled([
    postgres.then((server) => exportTestPostgres(cleanup.stopLater(server))),
    rabbit.then(
      (server) => exportTestRabbit(cleanup.stopLater(server)),
      (error: Error) => {
        if (!(error instanceof RabbitUnavailableError)) throw error;
        exportTestRabbitMissing(error.message);
      },
    ),
    pooler.then(
      (server) => exportTestPooler(cleanup.stopLater(server)),
      (error: Error) => {
        if (!(error instanceof ProgramUnavailableError)) throw error;
        exportTestPoolerMissing(error.message);
      },
    ),
  ]);
  const failure = started.find((result) => result.status === 'rejected');
  if (failure) {
    await cleanup.run(); // Jest does not call the teardown after a failed setup
    throw failure.reason;
  }
}
