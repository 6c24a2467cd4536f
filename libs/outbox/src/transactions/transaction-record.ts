import type { EntityManager, QueryRunner } from 'typeorm';
import { SilentRollbackError, TransactionEndedError } from '../errors';
import type { Session } from './dialect';
import { LaterAnswers } from './later-answers';
import type { IsolationLevel } from './transactions-options';
import { UnderWay } from './under-way';

export type BeforeCommit = (manager: EntityManager) => Promise<void>;
export type AfterCommit = () => void | Promise<void>;

/** Something to do at the commit, and the savepoint level that must survive for it to be done. */
interface Registered<Fn> {
  readonly fn: Fn;
  level: number;
}

/**
 * What is known about one database transaction, whoever opened it. Level 1 is the transaction itself, every savepoint
 * inside adds one. Pure bookkeeping: {@link TransactionSubscriber} tells it what TypeORM does.
 */
export class TransactionRecord {
  /** @param session the connection it is open on */
  constructor(readonly session: Session) {}

  /** `Transactions.run` opened it. */
  own = false;
  /** Known only for our own transactions. */
  isolation?: IsolationLevel;
  /** Statements TypeORM sent since the transaction began. */
  statements = 0;
  /** TypeORM announced its own COMMIT, ROLLBACK or ROLLBACK TO; one of these without an announcement is hand-written. */
  announced = false;
  /** COMMIT or ROLLBACK is decided: whatever still wants to run on this connection comes too late. */
  private over = false;
  committed = false;
  /** Told right before the COMMIT or ROLLBACK of the transaction is sent. */
  onEnding = (): void => {};
  readonly underWay = new UnderWay();
  readonly later = new LaterAnswers();

  private level = 1;
  private hooks: Registered<BeforeCommit>[] = [];
  private callbacks: Registered<AfterCommit>[] = [];
  private ends: (() => void)[] = [];

  get ending(): boolean {
    return this.over;
  }

  set ending(ending: boolean) {
    if (ending && !this.over) this.onEnding();
    this.over = ending;
  }

  get outermost(): boolean {
    return this.level === 1;
  }

  beforeCommit(fn: BeforeCommit): void {
    this.hooks.push({ fn, level: this.level });
  }

  afterCommit(fn: AfterCommit): void {
    this.callbacks.push({ fn, level: this.level });
  }

  /** Whatever becomes of the savepoint it was registered in. */
  afterEnd(fn: () => void): void {
    this.ends.push(fn);
  }

  /** Hands out what is to be called now that the transaction is over. */
  ended(): (() => void)[] {
    return this.ends.splice(0);
  }

  /** Takes the next hook, so that a hook may register another one. */
  nextHook(): BeforeCommit | undefined {
    return this.hooks.shift()?.fn;
  }

  savepointOpened(): void {
    this.level += 1;
  }

  /** A released savepoint leaves what was registered in it to the level around it; a commit hands the callbacks out. */
  levelCommitted(): AfterCommit[] {
    this.announced = false;
    this.level -= 1;
    for (const registered of [...this.hooks, ...this.callbacks]) {
      registered.level = Math.min(registered.level, this.level);
    }
    if (this.level > 0) return [];
    this.committed = true;
    return this.callbacks.splice(0).map(({ fn }) => fn);
  }

  /** What was registered in a rolled-back level belongs to work that no longer exists. */
  levelRolledBack(): void {
    this.announced = false;
    this.later.clear();
    this.level -= 1;
    this.hooks = this.hooks.filter(({ level }) => level <= this.level);
    this.callbacks = this.callbacks.filter(({ level }) => level <= this.level);
  }

  /**
   * Work that is done must find its transaction open. TypeORM answers a savepoint that cannot be opened (after a SQL error
   * that was caught) by rolling back everything; and `queryRunner.commitTransaction()` is there for everybody to call.
   */
  refuseIfEnded(): void {
    if (!this.ending) return;
    if (this.committed) {
      throw new TransactionEndedError(
        'queryRunner.commitTransaction() was called inside Transactions.run() or @Transactional(): the transaction was ' +
          'committed before its work was done. To commit, return.',
      );
    }
    throw new SilentRollbackError(
      'The transaction was rolled back while its work still went on, so nothing was saved: a savepoint was opened after ' +
        'a SQL error that had been caught, or queryRunner.rollbackTransaction() was called. Let errors leave the ' +
        'transaction.',
    );
  }

  /** Nobody can tell any more which work the callbacks belong to. */
  dropCallbacks(): void {
    this.callbacks = [];
  }
}

/** Finds the record of a connection's current or last transaction. */
export class TransactionRecords {
  private readonly byRunner = new WeakMap<QueryRunner, TransactionRecord>();

  of(runner: QueryRunner | undefined): TransactionRecord | undefined {
    return runner && this.byRunner.get(runner);
  }

  /** The record, unless its transaction is over or about to be. */
  openOn(runner: QueryRunner | undefined): TransactionRecord | undefined {
    const record = this.of(runner);
    return record?.ending ? undefined : record;
  }

  begin(runner: QueryRunner, session: Session): void {
    this.byRunner.set(runner, new TransactionRecord(session));
  }
}
