import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../world/world';
import { readBooks } from './books';

const EVERY_MS = 20;

/** What somebody sees who adds up both databases again and again. */
export interface Seen {
  readonly looks: number;
  /** So often the sums did not agree. */
  readonly wrong: number;
  /** In cents. */
  readonly largestDeviation: number;
  /** Longest time during which every look was wrong, to the nearest look. */
  readonly windowMs: number;
}

/** Looks at the invariant of one customer every 20 ms. */
export class Probe {
  private looks = 0;
  private wrong = 0;
  private largest = 0;
  private window = 0;
  private wrongSince?: number;
  private stopping = false;
  private readonly ended: Promise<void>;

  constructor(
    private readonly world: World,
    private readonly customerId: number,
  ) {
    this.ended = this.run();
  }

  async stop(): Promise<Seen> {
    this.stopping = true;
    await this.ended;
    return {
      looks: this.looks,
      wrong: this.wrong,
      largestDeviation: this.largest,
      windowMs: Math.round(this.window),
    };
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      const began = performance.now();
      const books = await readBooks(this.world, this.customerId).catch(() => undefined); // the server is away
      if (books) this.note(books.money, began);
      await sleep(Math.max(1, EVERY_MS - (performance.now() - began)));
    }
  }

  private note(money: number, at: number): void {
    this.looks += 1;
    if (Math.abs(money) > Math.abs(this.largest)) this.largest = money;
    if (money === 0) {
      this.wrongSince = undefined;
      return;
    }
    this.wrong += 1;
    this.wrongSince ??= at;
    this.window = Math.max(this.window, performance.now() - this.wrongSince);
  }
}
