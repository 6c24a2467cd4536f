import { errorText } from '../message/receipt';
import type { Clock, Random } from '../ports/clock';
import type { Monitor } from '../ports/monitor';
import type { OutboxStore } from '../ports/store';

export interface PressureSettings {
  readonly service: string;
  /** Longer than this, and requests that can wait are refused. */
  readonly shedAfterMs: number;
}

/** What a refused caller is told. */
export interface TooMuchPressure {
  /** How long the oldest due delivery had been waiting when somebody last looked. */
  readonly lagMs: number;
  readonly retryAfterSeconds: number;
}

/** A look is worth so much time: a flood of requests costs one statement a second. */
const LOOK_EVERY_MS = 1_000;
/** What was seen longer ago says nothing about now. */
const VALID_MS = 10_000;
/** Drawn anew for every caller: those who are refused together shall not come back together. */
const RETRY_AFTER_SECONDS = { from: 5, to: 15 };

/**
 * Whether the relay is so far behind that new work should wait: judged by the oldest due delivery. Parked rows do not
 * count, nor do rows that wait for a receipt or a back-off: nobody is late with those.
 *
 * It is asked on every request, so it answers at once, from what the last look saw. A look is one indexed statement,
 * never two at a time, and only made while somebody asks. What it does not know it takes for fine: a first request, one
 * after a quiet time, and everybody while the database cannot tell.
 */
export class OutboxPressure {
  private seen: { readonly lagMs: number; readonly at: number } | undefined;
  private lookedAt = -Infinity;
  private looking = false;
  private state: 'normal' | 'high' | 'unknown' = 'normal';

  constructor(
    private readonly settings: PressureSettings,
    private readonly store: Pick<OutboxStore, 'oldestDueMs'>,
    private readonly clock: Clock,
    private readonly random: Pick<Random, 'next'>,
    private readonly monitor: Monitor,
  ) {}

  /** @returns undefined if there is nothing against new work */
  check(): TooMuchPressure | undefined {
    const now = this.clock.monotonic();
    if (!this.looking && now - this.lookedAt >= LOOK_EVERY_MS) void this.look(now);
    if (!this.seen || now - this.seen.at > VALID_MS || !this.isHigh(this.seen.lagMs)) return undefined;
    const { from, to } = RETRY_AFTER_SECONDS;
    return { lagMs: this.seen.lagMs, retryAfterSeconds: from + Math.floor(this.random.next() * (to - from + 1)) };
  }

  private async look(now: number): Promise<void> {
    this.looking = true;
    this.lookedAt = now;
    try {
      const lagMs = await this.store.oldestDueMs(this.settings.service);
      this.seen = { lagMs, at: this.clock.monotonic() };
      this.report(lagMs);
    } catch (error) {
      this.seen = undefined;
      if (this.state !== 'unknown') this.monitor.record({ event: 'pressure.unknown', error: errorText(error) });
      this.state = 'unknown';
    } finally {
      this.looking = false;
    }
  }

  /** A line when it changes, none while it lasts. */
  private report(lagMs: number): void {
    const state = this.isHigh(lagMs) ? 'high' : 'normal';
    if (state !== this.state) this.monitor.record({ event: `pressure.${state}`, lagMs: Math.round(lagMs) });
    this.state = state;
  }

  private isHigh(lagMs: number): boolean {
    return lagMs > this.settings.shedAfterMs;
  }
}
