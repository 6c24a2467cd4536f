import type { Clock } from '../ports/clock';

/** By its class the transaction knows that the work may still be running, and takes its connection away. */
export class TimeIsOverError extends DOMException {
  constructor(what: string, timeoutMs: number, setBy: string) {
    super(`${what} took longer than ${timeoutMs} ms (${setBy})`, 'TimeoutError');
  }
}

/**
 * Runs work that is told, through its signal, when its time is over. Rejects then with a {@link TimeIsOverError}; the work
 * itself cannot be stopped, so whatever it writes through must be taken away from it.
 */
export async function withTimeout<T>(
  clock: Clock,
  timeoutMs: number,
  what: string,
  /** The option that says how long, for messages to people. */
  setBy: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let cancel = (): void => {};
  const over = new Promise<never>((_, reject) => {
    cancel = clock.schedule(timeoutMs, () => {
      const error = new TimeIsOverError(what, timeoutMs, setBy);
      reject(error);
      controller.abort(error);
    });
  });
  try {
    const running = work(controller.signal);
    // After a time-out nobody listens to the work any more; its late failure is not news.
    running.catch(() => {});
    return await Promise.race([running, over]);
  } finally {
    cancel();
  }
}
