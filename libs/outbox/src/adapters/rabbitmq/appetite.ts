import type { Clock } from '../../ports/clock';
import { MAX_MEMBERS } from './bundle';

/**
 * A bundle is to keep all places of a handler busy for about so long: while they are, it holds what is done in that time. Longer,
 * and the others that wait behind its members, or another process that has nothing to do, would feel it.
 */
const WORK_MS = 50;
/** How much the last message counts in the average. */
const WEIGHT = 1 / 16;

/**
 * How many messages of one type its consumer would rather have at once: several when it has several in hand anyway and is
 * done with each soon. Slow handlers are never sent bundles, and whoever has little to do is sent none.
 */
export class Appetite {
  private inHand = 0;
  private averageMs: number | undefined;

  constructor(
    private readonly concurrency: number,
    private readonly clock: Clock,
  ) {}

  /**
   * Handles one message. `work` never rejects.
   * @returns with what came of it, how many are wanted at once; undefined if one at a time is best
   */
  async watch<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly most: number | undefined }> {
    const began = this.clock.monotonic();
    this.inHand += 1;
    const result = await work();
    this.inHand -= 1;
    this.note(this.clock.monotonic() - began);
    return { result, most: this.inHand > 0 ? this.wanted() : undefined };
  }

  private note(ms: number): void {
    this.averageMs = this.averageMs === undefined ? ms : this.averageMs + (ms - this.averageMs) * WEIGHT;
  }

  private wanted(): number | undefined {
    const most = Math.min(MAX_MEMBERS, Math.floor((this.concurrency * WORK_MS) / this.averageMs!));
    return most > 1 ? most : undefined;
  }
}
