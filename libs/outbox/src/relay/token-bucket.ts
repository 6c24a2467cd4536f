import type { Clock } from '../ports/clock';

/** What may begin at once, as part of a second's worth. */
const BURST_SECONDS = 0.25;

/**
 * Paces the attempts of a relay: on the average `perSecond` of them begin, and no more than a quarter of that at once.
 * Infinity paces nothing.
 *
 * Nothing waits in it. It says how many rows a claim may take, so what has to wait waits in the database, where no lease
 * runs out in the meantime (R16). Hand-offs go ahead only while it is at least half full: the sweep of a backlog keeps
 * it emptier than that, and new rows queue behind the old ones.
 */
export class TokenBucket {
  /** What may begin at once. No more of it may wait in memory: that does not ask before it begins. */
  readonly capacity: number;
  private tokens: number;
  private filledAt: number;

  constructor(
    private readonly perSecond: number,
    private readonly clock: Clock,
  ) {
    this.capacity = Math.max(1, perSecond * BURST_SECONDS);
    this.tokens = this.capacity;
    this.filledAt = clock.monotonic();
  }

  /** How many rows may be claimed now; 0 also while there would be too few of them for the price of a statement. */
  claimable(): number {
    this.fill();
    return this.tokens < this.capacity / 4 ? 0 : Math.floor(this.tokens);
  }

  /** Whether a new message may be handed off, past whatever waits in the database. */
  hasPlenty(): boolean {
    this.fill();
    return this.tokens >= Math.max(1, this.capacity / 2);
  }

  /** An attempt begins. Handed-off ones may take more than there is: then the next ones wait longer. */
  take(): void {
    this.tokens -= 1;
  }

  private fill(): void {
    const now = this.clock.monotonic();
    if (now === this.filledAt) return;
    this.tokens = Math.min(this.capacity, this.tokens + ((now - this.filledAt) / 1000) * this.perSecond);
    this.filledAt = now;
  }
}
