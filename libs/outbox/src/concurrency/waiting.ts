import type { Clock } from '../ports/clock';

/** Waits so long, or until `sooner` has settled. @returns true if `sooner` settled in time */
export function wait(clock: Clock, ms: number, sooner?: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = clock.schedule(ms, () => resolve(false));
    const settled = (): void => {
      cancel();
      resolve(true);
    };
    sooner?.then(settled, settled);
  });
}

/** Resolves with the promise, or without a value as soon as the signal is aborted. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    signal.addEventListener('abort', stop);
    // leaves the signal before it resolves: whoever waits on it in a loop never has two listeners there
    promise.finally(() => signal.removeEventListener('abort', stop)).then(resolve, reject);
  });
}

/** For calls on a connection or channel that may be gone already: then there is nothing left to do. */
export async function quietly(call: () => unknown): Promise<void> {
  try {
    await call();
  } catch {
    // gone: the session it belonged to is over, and said why
  }
}
