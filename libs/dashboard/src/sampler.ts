/** What everybody who watches is shown: a sample, or that there is none. */
export type Look<Sample> = { readonly sample: Sample } | { readonly trouble: string };

const EVERY_MS = 1_000;

/**
 * Looks once a second for everybody who watches, and not at all while nobody does. The next look begins a second after the last
 * one ended, so a slow database is asked less. (Or at another pace, see `everyMs`.)
 */
export class Sampler<Sample> {
  private readonly watchers = new Set<(look: Look<Sample>) => void>();
  private timer: NodeJS.Timeout | undefined;
  private looking = false;
  private latest: Look<Sample> | undefined;

  constructor(
    private readonly take: () => Promise<Sample>,
    private readonly everyMs = EVERY_MS,
  ) {}

  /** @returns how to stop watching */
  watch(watcher: (look: Look<Sample>) => void): () => void {
    this.watchers.add(watcher);
    if (this.latest) watcher(this.latest);
    else if (!this.timer && !this.looking) void this.look();
    return () => {
      this.watchers.delete(watcher);
      if (this.watchers.size === 0) this.rest();
    };
  }

  get watched(): boolean {
    return this.watchers.size > 0;
  }

  private rest(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.latest = undefined; // whoever comes next wants to see now
  }

  private async look(): Promise<void> {
    this.looking = true;
    this.timer = undefined;
    let look: Look<Sample>;
    try {
      look = { sample: await this.take() };
    } catch {
      // Whoever watches is told, every second; the service itself will say it in its log.
      look = { trouble: 'The database does not answer.' };
    }
    this.looking = false;
    if (!this.watched) return;
    this.latest = look;
    for (const watcher of [...this.watchers]) watcher(look);
    if (this.watched) this.timer = setTimeout(() => void this.look(), this.everyMs).unref();
  }
}
