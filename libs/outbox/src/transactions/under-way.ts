import { TransactionEndedError } from '../errors';

/** What is at work in one transaction. Whatever still is when COMMIT is near is awaited by nobody, and would be lost. */
export class UnderWay {
  private readonly works = new Set<{ readonly what: string }>();

  /** @returns to be called when it is done */
  begin(what: string): () => void {
    const work = { what };
    this.works.add(work);
    return () => void this.works.delete(work);
  }

  /** @throws TransactionEndedError unless everything is done */
  refuseCommit(): void {
    if (this.works.size === 0) return;
    const [first] = this.works;
    throw new TransactionEndedError(
      `${first!.what}${this.works.size > 1 ? ` and ${this.works.size - 1} more` : ''} had not finished when the ` +
        'transaction was to be committed, so it was rolled back instead: an `await` is missing. (In forEach nothing is ' +
        'awaited: use for … of, or addAll.)',
    );
  }
}
