import type { Clock } from '../../ports/clock';

interface Timer {
  readonly at: number;
  /** Orders timers that are due at the same moment. */
  readonly rank: number;
  readonly callback: () => void;
}

/**
 * Time that passes only when it is told to: a deterministic scheduler for tests and simulation.
 *
 * Callbacks run one at a time, by due time; those of the same moment in the order they were scheduled, or, with
 * `random`, in an order drawn from it. After each one everything it set off runs to its end (promises, not timers)
 * before the next begins, so the same program with the same seed takes the same steps.
 */
export class VirtualClock implements Clock {
  private time = 0;
  private scheduled = 0;
  /** By due time, the next one last. */
  private readonly timers: Timer[] = [];

  /** @param random uniform in [0, 1) */
  constructor(private readonly random?: () => number) {}

  monotonic(): number {
    return this.time;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const rank = this.random ? this.random() : this.scheduled++;
    const timer = { at: this.time + Math.max(0, delayMs), rank, callback };
    this.timers.splice(this.positionOf(timer), 0, timer);
    return () => {
      const position = this.timers.indexOf(timer);
      if (position >= 0) this.timers.splice(position, 1);
    };
  }

  /** When the next callback is due; undefined if none is. */
  get nextAt(): number | undefined {
    return this.timers.at(-1)?.at;
  }

  /** Runs the next callback, at its time. @returns false if there was none */
  async step(): Promise<boolean> {
    const timer = this.timers.pop();
    if (!timer) return false;
    this.time = Math.max(this.time, timer.at);
    timer.callback();
    await settled();
    return true;
  }

  /** Lets `ms` pass, and runs what becomes due. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    await settled();
    while ((this.nextAt ?? Infinity) <= end) await this.step();
    this.time = Math.max(this.time, end);
  }

  /** Runs until nothing is scheduled any more, for at most `limitMs`. @returns false if the limit came first */
  async runUntilIdle(limitMs = 3_600_000): Promise<boolean> {
    return this.runUntil(() => this.nextAt === undefined, limitMs);
  }

  /** Runs until the condition holds, for at most `limitMs`. @returns false if it never did */
  async runUntil(condition: () => boolean, limitMs = 3_600_000): Promise<boolean> {
    const end = this.time + limitMs;
    await settled();
    while (!condition()) {
      if ((this.nextAt ?? Infinity) > end) return false;
      await this.step();
    }
    return true;
  }

  private positionOf(timer: Timer): number {
    let low = 0;
    let high = this.timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(timer, this.timers[middle]!)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.at < other.at || (one.at === other.at && one.rank < other.rank);
}

/** Everything that only waits for promises has run: the event loop reaches setImmediate after its microtasks. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
