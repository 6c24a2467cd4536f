/**
 * Bounds what is in flight, in all and per consumer. One consumer may hold at most half of the window, so that a
 * dead consumer, whose every attempt takes the full time-out, never starves the others.
 */
export class Window {
  private readonly held = new Map<string, number>();
  private readonly share: number;
  private total = 0;
  private waiting: { until: () => boolean; wake: () => void }[] = [];

  constructor(private readonly size: number) {
    this.share = Math.max(1, Math.ceil(size / 2));
  }

  get inFlight(): number {
    return this.total;
  }

  /** How much of it each consumer holds; the others hold nothing. */
  use(): { readonly size: number; readonly share: number; readonly inUse: Readonly<Record<string, number>> } {
    return { size: this.size, share: this.share, inUse: Object.fromEntries(this.held) };
  }

  /** Consumers that hold their whole share. */
  full(): string[] {
    return [...this.held].filter(([, count]) => count >= this.share).map(([consumer]) => consumer);
  }

  /** How many rows may be claimed now, so that they fit even if all are for one consumer that is not full. */
  claimable(): number {
    const fullest = Math.max(0, ...[...this.held.values()].filter((count) => count < this.share));
    return Math.min(this.size - this.total, this.share - fullest);
  }

  enter(consumer: string): boolean {
    const held = this.held.get(consumer) ?? 0;
    if (this.total >= this.size || held >= this.share) return false;
    this.held.set(consumer, held + 1);
    this.total += 1;
    return true;
  }

  leave(consumer: string): void {
    const held = this.held.get(consumer)! - 1;
    if (held === 0) this.held.delete(consumer);
    else this.held.set(consumer, held);
    this.total -= 1;
    const ready = this.waiting.filter(({ until }) => until());
    this.waiting = this.waiting.filter((waiter) => !ready.includes(waiter));
    for (const { wake } of ready) wake();
  }

  /** Resolves when there is room for a claim worth its statement: a quarter of a share, in a window with a full consumer too. */
  room(): Promise<void> {
    return this.until(() => this.claimable() >= Math.ceil(this.share / 4) && this.full().length === 0);
  }

  /** Resolves when nothing is in flight. */
  empty(): Promise<void> {
    return this.until(() => this.total === 0);
  }

  private until(condition: () => boolean): Promise<void> {
    return condition() ? Promise.resolve() : new Promise((wake) => this.waiting.push({ until: condition, wake }));
  }
}
