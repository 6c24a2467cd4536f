import type { Clock } from '../ports/clock';

/** A batch that took longer than this was held up by something else: no more gather for it. */
const MOST_REST_MS = 50;

/**
 * Turns many single writes into few batched ones. At most one flush is in flight, and after one of several none for as long as
 * it took (50 ms at most); whatever arrives meanwhile goes with the next, so the batch size emerges from the load: alone, an item
 * waits `lingerMs`; under load nobody waits longer than two flushes and that.
 *
 * Items are keyed, and a batch holds a key once. `add` resolves when the item's batch is written: a caller that awaits
 * it knows that its row is.
 */
export class Coalescer<Item, Result> {
  private waiting = new Map<string, Waiting<Item, Result>>();
  /** Keys of the flush that is in flight, or of the last one. */
  private inFlight: ReadonlySet<string> = new Set();
  private flushing: Promise<void> | undefined;
  private cancelTimer: (() => void) | undefined;
  /** Until then more may gather: a flush costs as much for one item as for a few. Where one came alone, nobody is waited for. */
  private restsUntil = -Infinity;

  constructor(
    private readonly clock: Clock,
    /** Must answer with one result per item, in order. If it rejects, so does every `add` of the batch. */
    private readonly flush: (items: Item[]) => Promise<readonly (Result | Promise<Result>)[]>,
    private readonly limits: { maxBatch: number; lingerMs: number },
  ) {}

  /** The item waiting under this key: not yet on its way to the database. */
  peek(key: string): Item | undefined {
    return this.waiting.get(key)?.item;
  }

  /** Resolves when the item that is on its way under this key is written, or has failed to be. Undefined if none is. */
  writing(key: string): Promise<void> | undefined {
    return this.inFlight.has(key) ? this.flushing : undefined;
  }

  /** Adds an item. One that waits under the same key is joined: it keeps its own value, and both learn its result. */
  add(key: string, item: Item): Promise<Result> {
    const twin = this.waiting.get(key);
    if (twin) return twin.promise;
    const waiting = new Waiting<Item, Result>(item, this.clock.monotonic());
    this.waiting.set(key, waiting);
    this.flushInTime();
    return waiting.promise;
  }

  /** Takes back an item that is not on its way yet; its `add` resolves with `result`. */
  withdraw(key: string, result: Result): void {
    this.waiting.get(key)?.resolve(result);
    this.waiting.delete(key);
  }

  /** Resolves when nothing waits and nothing is in flight. */
  async drain(): Promise<void> {
    while (this.waiting.size > 0 || this.flushing) {
      this.flushSoon();
      await this.flushing;
    }
  }

  private flushInTime(): void {
    const [oldest] = this.waiting.values();
    if (this.flushing || !oldest) return;
    const { maxBatch, lingerMs } = this.limits;
    const waitMs = Math.max(oldest.since + lingerMs, this.restsUntil) - this.clock.monotonic();
    if (waitMs <= 0 || this.waiting.size >= maxBatch) this.flushSoon();
    else this.cancelTimer ??= this.clock.schedule(waitMs, () => this.timeIsUp());
  }

  /** For whoever was the oldest when it was set; he may have been taken back since. */
  private timeIsUp(): void {
    this.cancelTimer = undefined;
    this.flushInTime();
  }

  private flushSoon(): void {
    if (this.flushing) return;
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    const began = this.clock.monotonic();
    this.flushing = this.flushNow().finally(() => {
      this.flushing = undefined;
      const ended = this.clock.monotonic();
      this.restsUntil = this.inFlight.size > 1 ? ended + Math.min(ended - began, MOST_REST_MS) : -Infinity;
      this.flushInTime();
    });
  }

  private async flushNow(): Promise<void> {
    const batch = [...this.waiting].slice(0, this.limits.maxBatch);
    this.inFlight = new Set(batch.map(([key]) => key));
    for (const key of this.inFlight) this.waiting.delete(key);
    if (batch.length === 0) return;
    try {
      const results = await this.flush(batch.map(([, { item }]) => item));
      batch.forEach(([, waiting], index) => waiting.resolve(results[index]!));
    } catch (error) {
      batch.forEach(([, waiting]) => waiting.reject(error));
    }
  }
}

class Waiting<Item, Result> {
  resolve!: (result: Result | Promise<Result>) => void;
  reject!: (error: unknown) => void;
  readonly promise = new Promise<Result>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });

  constructor(
    readonly item: Item,
    readonly since: number,
  ) {}
}
