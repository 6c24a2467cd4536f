import { SilentRollbackError, TransactionEndedError } from '../../errors';
import { BusinessTable } from './business-table';
import { MemoryDatabaseError } from './memory-database-error';
import { UnderWay } from '../../transactions/under-way';
import type { LockOwner, Slot } from './memory-slot';
import type { MemoryTable } from './memory-table';

/**
 * Where a fault may strike. What it throws is what the client meets:
 * - `begin`: no connection
 * - `statement`: after it ran, before its answer; the transaction has failed
 * - `commit`: the commit is refused (40001), or (08006) the connection is lost before it counted
 * - `committed`: the connection is lost after it counted, and the client cannot tell
 */
export type Moment = 'begin' | 'statement' | 'commit' | 'committed';

/** The process whose transaction it is, and its database. */
interface Client {
  readonly database: { table<Row extends object>(name: string): MemoryTable<Row> };
  interfere(moment: Moment): Promise<void>;
  forget(transaction: MemoryTransaction): void;
}

/**
 * One transaction, as a connection to PostgreSQL has it: statements run one after another, each sees what was committed
 * when it ran (read committed) and what this transaction wrote; locks are held to the end; after an error only a
 * rollback helps. The handle is what handlers write through: `transaction.table('accounts')`.
 */
export class MemoryTransaction implements LockOwner {
  readonly held: Slot[] = [];
  waitsFor: Slot | undefined;
  /** How many were sent so far. */
  statements = 0;
  readonly underWay = new UnderWay();

  private state: 'open' | 'ending' | 'ended' = 'open';
  private failure: unknown;
  /** For savepoints; a whole transaction rolls back by letting go of its slots. */
  private readonly undo: (() => void)[] = [];
  private readonly beforeCommits: (() => Promise<void>)[] = [];
  private readonly afterCommits: (() => void)[] = [];
  private readonly afterEnds: (() => void)[] = [];
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly client: Client) {}

  get isOpen(): boolean {
    return this.state === 'open';
  }

  /** A table of the application, made on first use. */
  table<Row extends object>(name: string): BusinessTable<Row> {
    return new BusinessTable(this, this.client.database.table<Row>(name));
  }

  /** Runs one statement; the next begins when it was answered. An error fails the transaction. */
  statement<T>(work: () => T | Promise<T>): Promise<T> {
    return this.inTurn(async () => {
      this.refuseIfUseless();
      this.statements++;
      try {
        const result = await work();
        await this.client.interfere('statement');
        return result;
      } catch (error) {
        this.failure = error;
        throw error;
      }
    });
  }

  /** Runs a part that can be rolled back alone: its error undoes what it wrote, and is passed on. */
  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    const { failure, undo, held, beforeCommits, afterCommits } = this;
    const marks = [undo, held, beforeCommits, afterCommits].map(({ length }) => length);
    this.statements++;
    try {
      return await work();
    } catch (error) {
      this.statements++;
      this.failure = failure;
      for (const takeBack of undo.splice(marks[0]!).reverse()) takeBack();
      for (const slot of held.splice(marks[1]!)) slot.release();
      beforeCommits.length = marks[2]!;
      afterCommits.length = marks[3]!;
      throw error;
    }
  }

  /**
   * @throws SilentRollbackError if a statement had failed: nothing was saved
   * @throws MemoryDatabaseError if the commit was refused, or (08006) the connection was lost: nobody knows
   */
  async commit(): Promise<void> {
    for (let hook = this.beforeCommits.shift(); hook; hook = this.beforeCommits.shift()) await hook();
    this.underWay.refuseCommit();
    this.state = 'ending';
    return this.inTurn(async () => {
      try {
        this.refuseSilentRollback();
        await this.client.interfere('commit');
        this.end(true);
        await this.client.interfere('committed');
        for (const callback of this.afterCommits) callback();
      } finally {
        this.end(false);
        for (const callback of this.afterEnds) callback();
      }
    });
  }

  /** Harmless when the transaction is over. */
  rollback(): Promise<void> {
    if (this.state === 'open') this.state = 'ending';
    return this.inTurn(async () => {
      if (this.state === 'ended') return;
      this.end(false);
      for (const callback of this.afterEnds) callback();
    });
  }

  /** The process died: the database rolls back, and nobody is told. */
  abandon(): void {
    this.waitsFor?.forget(this);
    this.end(false);
    this.last = new Promise<never>(() => undefined);
  }

  beforeCommit(callback: () => Promise<void>): void {
    this.beforeCommits.push(callback);
  }

  afterCommit(callback: () => void): void {
    this.afterCommits.push(callback);
  }

  afterEnd(callback: () => void): void {
    this.afterEnds.push(callback);
  }

  noteUndo(undo: () => void): void {
    this.undo.push(undo);
  }

  /** Only the first call counts. */
  private end(committed: boolean): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.client.forget(this);
    for (const slot of this.held.splice(0)) {
      if (committed) slot.commit();
      else slot.release();
    }
  }

  private refuseIfUseless(): void {
    if (this.state === 'ended') throw new TransactionEndedError('This transaction is over. Is an `await` missing?');
    if (this.failure === undefined) return;
    const cause = this.failure;
    throw new MemoryDatabaseError('25P02', 'the transaction has failed: only a rollback helps', { cause });
  }

  private refuseSilentRollback(): void {
    if (this.failure === undefined) return;
    const cause = this.failure;
    throw new SilentRollbackError('COMMIT was answered with ROLLBACK: a failed statement was ignored.', { cause });
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }
}
