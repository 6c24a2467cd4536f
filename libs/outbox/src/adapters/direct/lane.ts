/**
 * Lets a few tasks run at once and a bounded number wait for their turn; turns the rest away. A server needs it because
 * Nest's TCP has no prefetch: every connected producer could start as many handlers as it likes.
 */
export class Lane {
  private running = 0;
  private readonly waiting = new Set<(admitted: boolean) => void>();
  private closed = false;

  /** @param room how many may wait */
  constructor(
    private readonly concurrency: number,
    private readonly room: number,
  ) {}

  /**
   * Runs the task when it is its turn.
   * @param patience ends the wait when it is aborted; the task itself goes on
   * @returns undefined if it was turned away
   */
  async run<T>(task: () => Promise<T>, patience?: AbortSignal): Promise<T | undefined> {
    if (!(await this.enter(patience))) return undefined;
    try {
      return await task();
    } finally {
      this.leave();
    }
  }

  /** Turns away those who wait, and everybody from now on. Running tasks go on. */
  close(): void {
    this.closed = true;
    for (const admit of this.waiting) admit(false);
  }

  private async enter(patience: AbortSignal | undefined): Promise<boolean> {
    if (this.closed) return false;
    if (this.running < this.concurrency) {
      this.running += 1;
      return true;
    }
    if (this.waiting.size >= this.room) return false;
    return new Promise((resolve) => {
      const giveUp = (): void => admit(false);
      const admit = (admitted: boolean): void => {
        this.waiting.delete(admit);
        patience?.removeEventListener('abort', giveUp);
        resolve(admitted);
      };
      this.waiting.add(admit);
      patience?.addEventListener('abort', giveUp);
    });
  }

  /** The place goes to whoever has waited longest, so nobody can slip in between. */
  private leave(): void {
    const [next] = this.waiting;
    if (next) next(true);
    else this.running -= 1;
  }
}
