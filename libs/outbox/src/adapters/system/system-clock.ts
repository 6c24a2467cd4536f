import type { Clock } from '../../ports/clock';

/** Longest delay a Node timer takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The clock of this machine. Its timers do not keep the process alive. */
export class SystemClock implements Clock {
  monotonic(): number {
    return performance.now();
  }

  schedule(delayMs: number, callback: () => void): () => void {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const rest = leftMs - MAX_TIMER_MS;
      timer = setTimeout(() => (rest > 0 ? arm(rest) : callback()), Math.min(leftMs, MAX_TIMER_MS)).unref();
    };
    arm(delayMs);
    return () => clearTimeout(timer);
  }
}
