import type { Clock, VirtualClock } from '@tallystick/outbox/testing';

/**
 * The clock of one simulated process. Everything such a process does begins with one of its callbacks, so holding them
 * back is a pause (garbage collection, a stopped container), and dropping them is death: between any two steps.
 */
export class ProcessClock implements Clock {
  private held: (() => void)[] | undefined;
  private dead = false;

  constructor(
    private readonly time: VirtualClock,
    /** Before every step: may pause or stop this clock. */
    private readonly beforeStep: () => void,
  ) {}

  monotonic(): number {
    return this.time.monotonic();
  }

  schedule(delayMs: number, callback: () => void): () => void {
    let cancelled = false;
    const step = (): void => {
      if (cancelled || this.dead) return;
      if (!this.held) this.beforeStep();
      if (this.dead) return;
      if (this.held) this.held.push(step);
      else callback();
    };
    const cancelTimer = this.time.schedule(delayMs, step);
    return () => {
      cancelled = true;
      cancelTimer();
    };
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.schedule(ms, resolve));
  }

  /** Nothing runs until `resume`; what becomes due meanwhile runs then. */
  pause(): void {
    this.held ??= [];
  }

  resume(): void {
    const steps = this.held ?? [];
    this.held = undefined;
    for (const step of steps) this.time.schedule(0, step);
  }

  stop(): void {
    this.dead = true;
  }
}
