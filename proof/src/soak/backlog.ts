import type { Rig } from '../rig';

const COUNT_EVERY_MS = 250;
/** What this machine carries away in two or three seconds, so that an answer comes before it is asked for again. */
const MOST = 500;
/** Whatever will be looked at again by itself: parked rows will not. */
const UNDERWAY = 'select count(*) as count from outbox_delivery where next_at is not null';

/**
 * Counts what is on its way, so that buyers can wait for a slow consumer as people at a counter do. If they did not, all of
 * a run would soon lie in a queue, in as many copies as receipts were waited for in vain, and it would be the copies that
 * take the time.
 */
export class Backlog {
  private count = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly rig: Rig) {}

  get hasRoom(): boolean {
    return this.count < MOST;
  }

  watch(): void {
    this.timer = setTimeout(() => void this.look().finally(() => this.timer && this.watch()), COUNT_EVERY_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  toString(): string {
    return `${this.count} on their way`;
  }

  private async look(): Promise<void> {
    const rows = await this.rig.query<{ count: string }>('producer', UNDERWAY).catch(() => []); // it is away: see later
    if (rows[0]) this.count = Number(rows[0].count);
  }
}
