/** Runs work with at most `places` at once; the rest waits in order. Unbounded in who waits: bound that where it comes from. */
export class Lane {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly places: number) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.enter();
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /** Resolves with a place. Whoever enters leaves, whatever happens. */
  async enter(): Promise<void> {
    if (this.running >= this.places) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running += 1;
  }

  leave(): void {
    // A place that somebody waits for goes over to them as it is.
    const next = this.waiting.shift();
    if (next) next();
    else this.running -= 1;
  }
}
