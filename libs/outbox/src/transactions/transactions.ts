import { Injectable, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { DataSource, EntityManager, EntityTarget, ObjectLiteral, Repository } from 'typeorm';
import { InvalidOptionsError, TransactionEndedError, TransactionRequiredError } from '../errors';
import { StrayWriteGuard } from './stray-write-guard';
import { AfterCommit, BeforeCommit, TransactionRecord, TransactionRecords } from './transaction-record';
import { TransactionScopes } from './transaction-scopes';
import { TransactionSubscriber } from './transaction-subscriber';
import type { IsolationLevel, TransactionOptions, TransactionsOptions } from './transactions.options';
import { requireTypeOrm } from './typeorm-version';

/**
 * The ambient transaction: `run` opens one, and whatever the work calls finds it, without handing a manager around.
 *
 * It works by three parts and patches nothing: scopes (AsyncLocalStorage) know which transaction the running call
 * belongs to, records know what hangs on a database transaction, and a TypeORM subscriber keeps the records, catches
 * stray writes and looks at what COMMIT answers, for every transaction of the DataSource, whoever opened it.
 *
 * A plain `dataSource.transaction()` is seen but not ambient: inside it, use the manager it hands you.
 */
@Injectable()
export class Transactions implements OnModuleInit, OnApplicationShutdown {
  private readonly records = new TransactionRecords();
  private readonly scopes: TransactionScopes;
  private readonly guard: StrayWriteGuard;
  private readonly subscriber: TransactionSubscriber;

  constructor(
    readonly dataSource: DataSource,
    private readonly options: TransactionsOptions,
  ) {
    this.scopes = new TransactionScopes(dataSource, options.transactionHost);
    this.guard = new StrayWriteGuard(dataSource, this.scopes, options);
    this.subscriber = new TransactionSubscriber(this.records, this.scopes, this.guard);
  }

  onModuleInit(): void {
    requireTypeOrm();
    this.listen();
    this.guard.warnIfThePoolWaitsForEver();
  }

  /** Only now: until here requests are still served, and their commits must be seen. */
  onApplicationShutdown(): void {
    const { subscribers } = this.dataSource;
    const position = subscribers.indexOf(this.subscriber);
    if (position >= 0) subscribers.splice(position, 1);
  }

  /**
   * Runs `fn` in a transaction: in the open one, or in one that is opened for it. Resolves when it is committed (a
   * joined one: when `fn` is done); any error rolls back. Throws `SilentRollbackError` when the database rolled
   * back because a SQL error had been caught and ignored.
   *
   * `fn` must await everything it starts: what is still running afterwards gets {@link TransactionEndedError}.
   */
  async run<T>(fn: (manager: EntityManager) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    if (this.options.transactionHost) return this.runInHost(fn, options);
    const ambient = options.propagation === 'new' ? undefined : this.current();
    if (!ambient) return this.open(fn, options.isolation);
    this.refuseOtherIsolation(ambient, options.isolation);
    if (options.propagation !== 'savepoint') return fn(ambient);
    return ambient.transaction((manager) => this.scopes.inside(manager, () => fn(manager)));
  }

  /** The manager of the open transaction around this call, if there is one. */
  current(): EntityManager | undefined {
    return this.scopes.current();
  }

  /**
   * The manager of the open transaction; without one the DataSource's own, every statement for itself. Throws
   * {@link TransactionEndedError} when this call began in a transaction that is over.
   */
  manager(): EntityManager {
    const current = this.scopes.current();
    if (current) return current;
    if (this.scopes.hasEnded()) {
      throw new TransactionEndedError(
        'The transaction this call began in is over, so its work would no longer be part of it. Is an `await` missing ' +
          'on the way here? Work that is meant to go on afterwards belongs in transactions.afterCommit(() => …) or ' +
          'transactions.outside(() => …).',
      );
    }
    return this.dataSource.manager;
  }

  /** `manager().getRepository(entity)`: ask for it where it is used, do not keep it. */
  repository<Entity extends ObjectLiteral>(entity: EntityTarget<Entity>): Repository<Entity> {
    return this.manager().getRepository(entity);
  }

  /**
   * Leaves the ambient transaction on purpose, e.g. for an audit row that must survive a rollback. Needs a second
   * connection while the transaction holds its own. A transaction host's own view is not changed.
   */
  outside<T>(fn: () => T): T {
    return this.scopes.outside(fn);
  }

  /**
   * Calls `fn` once this transaction is known to be committed; never after a rollback, an unknown outcome (connection
   * lost during COMMIT) or the rollback of the savepoint it was registered in. A hand-written ROLLBACK TO drops all
   * callbacks. Also for transactions the library did not open: pass their manager.
   *
   * The commit does not wait for `fn`, and its failure is logged only: what must happen belongs in the outbox.
   */
  afterCommit(fn: AfterCommit, manager = this.current()): void {
    this.openRecord(manager, 'afterCommit').afterCommit(fn);
  }

  /**
   * Calls `fn` in the transaction, when its work is done and right before COMMIT (not before a savepoint's release). An
   * error rolls back. Dropped with the savepoint it was registered in. Hooks run one after another, in order; one that
   * is registered by a hook runs too.
   */
  beforeCommit(fn: BeforeCommit, manager = this.current()): void {
    this.openRecord(manager, 'beforeCommit').beforeCommit(fn);
  }

  /** This manager's transaction can still be written through. */
  isOpen(manager: EntityManager): boolean {
    return this.records.openOn(manager.queryRunner) !== undefined;
  }

  /**
   * Calls `fn` once when a transaction that `run` opened is over, whichever way, also with an unknown outcome, and
   * whatever became of its savepoints; after the `afterCommit` callbacks. For giving back what was reserved.
   */
  afterEnd(fn: () => void, manager = this.current()): void {
    const record = this.openRecord(manager, 'afterEnd');
    if (!record.own) throw new TransactionRequiredError('afterEnd sees the end of transactions of this library only.');
    record.afterEnd(fn);
  }

  /** This library opened the transaction; `false` for `dataSource.transaction()`, own query runners and a host's. */
  isOwn(manager: EntityManager): boolean {
    return this.records.of(manager.queryRunner)?.own ?? false;
  }

  /** The level the open transaction was asked for; `undefined` when that was left to the defaults or is not ours. */
  isolationOf(manager: EntityManager): IsolationLevel | undefined {
    return this.records.openOn(manager.queryRunner)?.isolation;
  }

  /**
   * How many statements TypeORM sent in this transaction so far, savepoints included. Two equal readings mean nothing
   * ran between them, except on the raw client.
   */
  statementCount(manager: EntityManager): number {
    return this.openRecord(manager, 'statementCount').statements;
  }

  private async open<T>(fn: (manager: EntityManager) => Promise<T>, isolation?: IsolationLevel): Promise<T> {
    this.listen();
    let record: TransactionRecord | undefined;
    const work = async (manager: EntityManager): Promise<T> => {
      record = this.openRecord(manager, 'run');
      record.own = true;
      record.isolation = isolation;
      const result = await this.scopes.inside(manager, () => fn(manager));
      record.refuseIfEnded();
      return result;
    };
    const { manager } = this.dataSource;
    try {
      return await this.scopes.outside(() =>
        isolation ? manager.transaction(isolation, work) : manager.transaction(work),
      );
    } finally {
      // Not left to the subscriber: TypeORM announces nothing when the connection is lost during COMMIT or ROLLBACK.
      for (const callback of record?.ended() ?? []) this.scopes.detach(callback, 'afterEnd');
    }
  }

  private async runInHost<T>(fn: (manager: EntityManager) => Promise<T>, options: TransactionOptions): Promise<T> {
    const host = this.options.transactionHost!;
    const work = async (): Promise<T> => {
      const manager = this.current();
      if (manager) return fn(manager);
      throw new TransactionRequiredError(
        'transactionHost.run() was called, but inside it transactionHost.manager() returned no manager with an open ' +
          'transaction of this DataSource. Both functions must talk about the same transaction.',
      );
    };
    return host.run(() => this.scopes.leaveToHost(work), options);
  }

  private refuseOtherIsolation(ambient: EntityManager, asked?: IsolationLevel): void {
    const open = this.isolationOf(ambient);
    if (asked === undefined || asked === open) return;
    throw new InvalidOptionsError([
      `isolation ${asked} was asked for, but the transaction that would be joined was opened ` +
        `${open ? `with ${open}` : 'with the default level'}. Ask for it where the transaction begins, or use ` +
        "propagation: 'new' for an independent transaction.",
    ]);
  }

  private openRecord(manager: EntityManager | undefined, caller: string): TransactionRecord {
    const record = this.records.openOn(manager?.queryRunner);
    if (record) return record;
    throw new TransactionRequiredError(
      `${caller} needs an open transaction of the outbox's DataSource. Call it inside @Transactional() or ` +
        'transactions.run(), or pass the manager that dataSource.transaction() hands out.',
    );
  }

  /** Also from `run`: a provider may need a transaction before `onModuleInit` came here. */
  private listen(): void {
    if (!this.dataSource.subscribers.includes(this.subscriber)) this.dataSource.subscribers.push(this.subscriber);
  }
}
