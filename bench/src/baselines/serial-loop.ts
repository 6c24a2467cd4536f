/**
 * One after another, in the order of the table: the next is sent when the one before is completed. One read a turn, and no lease, for
 * only one such process may run.
 */
export class SerialLoop<Row> {
  private busy = false;
  /** Somebody came while it looked, and may not have been seen. */
  private asked = false;

  constructor(
    private readonly first: () => Promise<Row | null | undefined>,
    private readonly send: (row: Row) => Promise<void>,
  ) {}

  /** There is another one, perhaps. */
  async recorded(): Promise<void> {
    this.asked = true;
    if (this.busy) return;
    this.busy = true;
    while (this.asked) {
      this.asked = false;
      const row = await this.first();
      if (row) return this.send(row);
    }
    this.busy = false;
  }

  /** The one that was sent is completed. */
  completed(): Promise<void> {
    this.busy = false;
    return this.recorded();
  }
}
