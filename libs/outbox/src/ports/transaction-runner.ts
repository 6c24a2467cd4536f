import type { Faults } from './faults';

/**
 * Opens and observes database transactions. `transactions/` implements it over TypeORM; a simulation over a map.
 *
 * `Tx` is whatever handlers write through: TypeORM's `EntityManager` in a real application. The core passes it on and
 * never looks inside.
 */
export interface TransactionRunner<Tx = unknown> {
  /** What the errors of its database mean. */
  readonly faults: Faults;
  /**
   * Runs `work` in the ambient transaction, or in a new one. Resolves only if COMMIT was answered with COMMIT.
   * Rejections are of three kinds: the work's own error (rolled back), a refused commit (rolled back) and a lost
   * connection (**unknown**: it may have been committed).
   */
  run<T>(work: (transaction: Tx) => Promise<T>, options?: { propagation?: 'join' | 'new' }): Promise<T>;
  /** The transaction of the current call, if one is open. */
  current(): Tx | undefined;
  /** True while this transaction can still be written through. */
  isOpen(transaction: Tx): boolean;
  /** If this transaction is one of another database than ours: which it is and which was expected, in a sentence. */
  strangerText?(transaction: Tx): string | undefined;
  /** Runs after the acknowledged commit of the outermost transaction; dropped if its savepoint or transaction rolls back. */
  afterCommit(callback: () => void, transaction: Tx): void;
  /** Runs once when the outermost transaction has ended, whichever way. */
  afterEnd(callback: () => void, transaction: Tx): void;
  /** Runs before the COMMIT of a transaction that this runner opened. Throwing rolls back. */
  beforeCommit(callback: () => Promise<void>, transaction: Tx): void;
  /**
   * Notes that `what` is at work on this transaction until the returned function is called. A COMMIT that comes before is
   * refused, and the transaction rolled back: nobody awaits the work, and it would be lost.
   */
  underWay(what: string, transaction: Tx): () => void;
  /**
   * Notes a statement of ours that is answered together with the one behind it. If it fails, so does that one, and with it
   * the transaction: with this reason, then. Not there where nothing is answered late.
   */
  noteLater?(answer: Promise<unknown>, transaction: Tx): void;
  /** True if this runner opened the outermost transaction, so that it sees how the commit ends. */
  isOwn(transaction: Tx): boolean;
  /** How many statements were seen on this transaction so far: unchanged means nothing ran in between. */
  statementCount(transaction: Tx): number;
}
