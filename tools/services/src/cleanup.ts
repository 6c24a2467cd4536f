/**
 * What must be undone, in reverse order of `defer`. Every step runs, also when an earlier one failed.
 *
 * ```ts
 * const cleanup = new Cleanup();
 * try {
 *   const postgres = cleanup.stopLater(await startPostgres());
 *   …
 * } finally {
 *   await cleanup.run();
 * }
 * ```
 */
export class Cleanup {
  private readonly steps: Array<() => unknown> = [];

  defer(step: () => unknown): void {
    this.steps.push(step);
  }

  /** Defers `server.stop()` and returns the server. */
  stopLater<T extends { stop(): Promise<void> }>(server: T): T {
    this.defer(() => server.stop());
    return server;
  }

  /** Runs each step once; a second call finds nothing left to do. Throws what failed after everything was tried. */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (let step = this.steps.pop(); step; step = this.steps.pop()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, `${failures.length} clean-up steps failed`);
  }
}
