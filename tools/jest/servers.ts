import {
  Cleanup,
  exportTestPostgres,
  exportTestRabbit,
  exportTestRabbitMissing,
  findRabbit,
  RabbitUnavailableError,
  startPostgres,
} from '../services/src/index';

/** How `servers-stop.ts` finds what to stop: Jest loads the two files apart from each other. */
export const CLEANUP = Symbol.for('tallystick.jest.cleanup');
export type RunGlobals = typeof globalThis & { [CLEANUP]?: Cleanup };

/**
 * One PostgreSQL and one RabbitMQ for the whole run. Jest calls this once, however many projects name the file, and
 * only if a test of one of them is to run.
 */
export default async function startServers(): Promise<void> {
  const cleanup = new Cleanup();
  (globalThis as RunGlobals)[CLEANUP] = cleanup;
  const onProgress = (line: string): void => {
    if (process.env.TALLYSTICK_TEST_VERBOSE) console.log(line);
  };
  const started = await Promise.allSettled([
    startPostgres({ onProgress }).then((postgres) => exportTestPostgres(cleanup.stopLater(postgres))),
    findRabbit({ install: true, onProgress }).then(
      (rabbit) => exportTestRabbit(cleanup.stopLater(rabbit)),
      (error: Error) => {
        if (!(error instanceof RabbitUnavailableError)) throw error;
        exportTestRabbitMissing(error.message);
      },
    ),
  ]);
  const failure = started.find((result) => result.status === 'rejected');
  if (failure) {
    await cleanup.run(); // Jest does not call the teardown after a failed setup
    throw failure.reason;
  }
}
