import 'reflect-metadata';

/**
 * A rejection nobody handles ends a real process, so it ends the test file too. Jest would swallow it:
 * the error is thrown outside of any promise, where Jest reports it as a failure of the run.
 */
process.on('unhandledRejection', (reason) => {
  setImmediate(() => {
    throw reason instanceof Error ? reason : new Error(`Unhandled rejection: ${String(reason)}`);
  });
});
