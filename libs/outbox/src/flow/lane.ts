/** The lane was closed before it was this one's turn: nothing of it was begun. */
export class NotBegunError extends Error {
  override readonly message = 'there was no place before the end';
}

/** Runs work with at most `places` at once; the rest waits in order. Unbounded in who waits: bound that where it comes from. */
export class Lane {
  private running = 0;
  private waiting: ((entered: boolean) => void)[] = [];
  private closed = false;

  constructor(private readonly places: number) {}

  /** @throws NotBegunError if it was closed before */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (!(await this.enter())) throw new NotBegunError();
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /** Resolves with a place: true. Whoever enters leaves, whatever happens. False if it was closed: then there is none. */
  async enter(): Promise<boolean> {
    if (this.closed) return false;
    if (this.running >= this.places) return new Promise((resolve) => this.waiting.push(resolve));
    this.running += 1;
    return true;
  }

  /** Nobody enters any more, those who wait included. Who is in goes on. */
  close(): void {
    this.closed = true;
    const waiting = this.waiting;
    this.waiting = [];
    for (const enter of waiting) enter(false);
  }

  leave(): void {
    // A place that somebody waits for goes over to them as it is.
    const next = this.waiting.shift();
    if (next) next(true);
    else this.running -= 1;
  }
}
