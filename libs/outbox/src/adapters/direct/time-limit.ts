import type { Clock } from '../../ports/clock';

/** A stretch of time that several steps share. `stop()` when they are done, so that no timer is left behind. */
export class TimeLimit {
  private readonly controller = new AbortController();
  readonly stop: () => void;

  constructor(clock: Clock, limitMs: number) {
    this.stop = clock.schedule(limitMs, () => this.controller.abort());
  }

  /** Ends it now. */
  cut(): void {
    this.stop();
    this.controller.abort();
  }

  /** Aborted when the time is over. */
  get over(): AbortSignal {
    return this.controller.signal;
  }

  /** What the promise brings, or undefined if the time is over before. A late rejection is nobody's business then. */
  within<T>(promise: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const onOver = (): void => resolve(undefined);
      if (this.over.aborted) onOver();
      this.over.addEventListener('abort', onOver);
      void promise.then(resolve, reject).finally(() => this.over.removeEventListener('abort', onOver));
    });
  }
}
