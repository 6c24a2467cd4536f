import type { Clock } from '../ports/clock';

/** By its class the transaction knows that the work may still be running, and takes its connection away. */
export class TimeIsOverError extends DOMException {
  constructor(what: string, timeoutMs: number, setBy: string) {
    super(`${what} took longer than ${timeoutMs} ms (${setBy})`, 'TimeoutError');
  }
}

/**
 * Runs work that is told, through its signal, when its time is over. Rejects then with a {@link TimeIsOverError}; the work
 * itself cannot be stopped, so whatever it writes through must be taken away from it. Its late failure is not news.
 *
 * The signal is made when it is asked for, which few handlers do: it takes four times as long as all of the rest.
 */
export async function withTimeout<T>(
  clock: Clock,
  timeoutMs: number,
  what: string,
  /** The option that says how long, for messages to people. */
  setBy: string,
  work: (signal: () => AbortSignal) => Promise<T>,
): Promise<T> {
  let controller: AbortController | undefined;
  let over: TimeIsOverError | undefined;
  const signal = (): AbortSignal => {
    controller ??= new AbortController();
    if (over) controller.abort(over);
    return controller.signal;
  };
  let cancel = (): void => {};
  try {
    return await new Promise<T>((resolve, reject) => {
      cancel = clock.schedule(timeoutMs, () => {
        over = new TimeIsOverError(what, timeoutMs, setBy);
        reject(over);
        controller?.abort(over);
      });
      work(signal).then(resolve, reject);
    });
  } finally {
    cancel();
  }
}
