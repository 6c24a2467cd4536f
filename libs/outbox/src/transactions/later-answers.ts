/** Statements of the library that are answered together with the one behind them. */
export class LaterAnswers {
  private readonly outstanding = new Set<Promise<unknown>>();

  note(answer: Promise<unknown>): void {
    this.outstanding.add(answer);
    answer.then(
      () => this.outstanding.delete(answer),
      () => {}, // until somebody asks why his own statement failed
    );
  }

  /** Why a statement failed that is not at fault: for it went with one of these. Said once. */
  async failure(): Promise<unknown> {
    for (const answer of this.outstanding) {
      try {
        await answer;
      } catch (error) {
        this.outstanding.clear();
        return error;
      }
    }
    return undefined;
  }

  /** What was rolled back is nobody's reason any more. */
  clear(): void {
    this.outstanding.clear();
  }
}
