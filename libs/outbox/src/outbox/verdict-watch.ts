import type { Clock } from '../ports/clock';
import type { VerdictListener } from '../ports/verdicts';

/** Waits for news of one message. */
export interface Watch {
  /** Resolves at the next news in this process, or after `ms`. */
  within(ms: number): Promise<void>;
  forget(): void;
}

/**
 * Lets `waitForVerdict` wait without hammering the database: a verdict applied in this process wakes it at once; one
 * applied by another instance is found by polling.
 */
export class VerdictWatch implements VerdictListener {
  private readonly watchers = new Map<string, Set<() => void>>();

  constructor(private readonly clock: Clock) {}

  changed(messageId: string): void {
    for (const wake of this.watchers.get(messageId) ?? []) wake();
  }

  /** Watches from now on, so that news between a look at the database and the wait are not missed. */
  watch(messageId: string): Watch {
    let wake = (): void => {};
    const news = new Promise<void>((resolve) => (wake = resolve));
    const watchers = this.watchers.get(messageId) ?? new Set();
    this.watchers.set(messageId, watchers.add(wake));
    let cancel = (): void => {};
    return {
      within: (ms) => {
        cancel = this.clock.schedule(ms, wake);
        return news;
      },
      forget: () => {
        cancel();
        watchers.delete(wake);
        if (watchers.size === 0) this.watchers.delete(messageId);
      },
    };
  }
}
