/** The lane was closed before it was this one's turn: nothing of it was begun. */
export class NotBegunError extends Error {
  override readonly message = 'there was no place before the end';
}

/** Runs work with at most `places` at once; a number waits, in order, and the rest is turned away. */
export class Lane {
  private running = 0;
  private readonly waiting = new Set<(entered: boolean) => void>();
  private closed = false;

  /** @param room how many may wait. Without it any number: bound that where they come from */
  constructor(
    private readonly places: number,
    private readonly room = Infinity,
  ) {}

  /** @throws NotBegunError if it was turned away */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (!(await this.enter())) throw new NotBegunError();
    return this.leaveAfter(work);
  }

  /**
   * @param patience ends the wait when it is aborted; the work itself goes on
   * @returns undefined if it was turned away
   */
  async runUnlessFull<T>(work: () => Promise<T>, patience?: AbortSignal): Promise<T | undefined> {
    return (await this.enter(patience)) ? this.leaveAfter(work) : undefined;
  }

  /** Resolves with a place: true. Whoever enters leaves, whatever happens. False if he was turned away: then there is none. */
  async enter(patience?: AbortSignal): Promise<boolean> {
    if (this.closed) return false;
    if (this.running < this.places) {
      this.running += 1;
      return true;
    }
    if (this.waiting.size >= this.room) return false;
    return new Promise((resolve) => {
      const giveUp = (): void => admit(false);
      const admit = (entered: boolean): void => {
        this.waiting.delete(admit);
        patience?.removeEventListener('abort', giveUp);
        resolve(entered);
      };
      this.waiting.add(admit);
      patience?.addEventListener('abort', giveUp);
    });
  }

  /** Nobody enters any more, those who wait included. Who is in goes on. */
  close(): void {
    this.closed = true;
    for (const admit of this.waiting) admit(false);
  }

  leave(): void {
    // A place that somebody waits for goes over to them as it is: nobody can slip in between.
    const [next] = this.waiting;
    if (next) next(true);
    else this.running -= 1;
  }

  private async leaveAfter<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.leave();
    }
  }
}
