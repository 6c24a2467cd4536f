import { Lane } from '../concurrency/lane';
import type { Clock, Random } from '../ports/clock';
import type { Faults } from '../ports/faults';
import type { BoundHandler } from '../ports/handlers';
import type { Outcome } from './outcome';

/** An announcement is tried again here, unacknowledged: so often, */
const PAUSES_MS = [1_000, 5_000, 30_000, 120_000];
/** and no longer than this, however long its handler takes. */
const PATIENCE_MS = 600_000;
/** So long is waited in a place of the handler if there is no room to wait elsewhere. */
const SHORT_PAUSE_MS = 5_000;

/**
 * Longest time a copy in hand waits for a place, if every handler before it uses up its time-out. It does so at most before
 * its first try and after its last pause: with the patience between, well within RabbitMQ's consumer time-out (30 min).
 */
const QUEUE_MS = 300_000;
/** Bodies in memory. */
const MAX_ROOM = 256;

type Limits = Pick<BoundHandler, 'concurrency' | 'timeoutMs'>;

/** How many copies of an announcement may wait for their next try outside of the handler's places. */
export function waitingRoom({ concurrency, timeoutMs }: Limits): number {
  return Math.max(0, Math.min(MAX_ROOM, concurrency * (Math.floor(QUEUE_MS / timeoutMs) - 1)));
}

/**
 * The copies of one announcement's type in hand: so many at work as the handler has places, and a bounded number that wait
 * for their next try and hold none, so that a few that always fail do not stop the others. All of them are
 * unacknowledged: if this process dies, they come again.
 */
export class Announcements {
  private readonly places: Lane;
  private readonly room: number;
  private waiting = 0;

  constructor(
    limits: Limits,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly faults: Faults,
  ) {
    this.places = new Lane(limits.concurrency);
    this.room = waitingRoom(limits);
  }

  /**
   * Tries until it does not fail, or the patience with it is over. Never rejects, unless `attempt` does.
   * @returns what came of the last attempt
   */
  async handle(attempt: () => Promise<Outcome>): Promise<Outcome> {
    await this.places.enter();
    const ends = this.clock.monotonic() + PATIENCE_MS;
    try {
      for (let tries = 0; ; tries++) {
        const outcome = await attempt();
        const pauseMs = PAUSES_MS[tries];
        if (outcome.kind !== 'deferred' || pauseMs === undefined) return outcome;
        if (this.clock.monotonic() + pauseMs > ends || !(await this.pause(pauseMs, outcome.error))) return outcome;
      }
    } finally {
      this.places.leave();
    }
  }

  /** @returns false if there is no room to wait so long */
  private async pause(pauseMs: number, failure: unknown): Promise<boolean> {
    const pause = (): Promise<void> =>
      new Promise((resolve) => this.clock.schedule(pauseMs * (0.5 + this.random.next()), resolve));
    if (this.waiting < this.room) {
      this.waiting += 1;
      this.places.leave();
      await pause();
      this.waiting -= 1;
      await this.places.enter();
      return true;
    }
    // While nothing is reached, nobody else could use the place.
    if (pauseMs > SHORT_PAUSE_MS && this.faults.failureOf(failure) !== 'unavailable') return false;
    await pause();
    return true;
  }
}
