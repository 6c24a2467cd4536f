import { Injectable, Logger, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { DataSource, EntityManager, EntityTarget, ObjectLiteral, QueryRunner, Repository } from 'typeorm';
import { InvalidOptionsError, TransactionEndedError, TransactionRequiredError } from '../errors';
import { TimeIsOverError } from '../concurrency/time-out';
import type { Faults } from '../ports/faults';
import type { ConnectionPool, Dialect, Session } from './dialect';
import { dialectOf } from './dialects';
import { Patience } from './patience';
import { rolledBackError } from './rolled-back';
import { sessionOf } from './session-of';
import { StrayWriteGuard } from './stray-write-guard';
import { AfterCommit, BeforeCommit, TransactionRecord, TransactionRecords } from './transaction-record';
import { TransactionScopes } from './transaction-scopes';
import { TransactionSubscriber } from './transaction-subscriber';
import type { IsolationLevel, TransactionOptions, TransactionsOptions } from './transactions-options';
import { requireTypeOrm } from './typeorm-version';
import { WaitingForConnection } from './waiting-for-connection';

/** How often a transaction is begun on another connection when the one from the pool turns out to be dead. */
const BEGINNINGS = 3;
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
  /** What the errors of this database mean. */
  readonly faults: Faults;
  private readonly dialect: Dialect;
  private readonly records = new TransactionRecords();
  private readonly open = new Set<Session>();
  private readonly waiting: WaitingForConnection;
  private readonly scopes: TransactionScopes;
  private readonly guard: StrayWriteGuard;
  private readonly subscriber: TransactionSubscriber;

  constructor(
    readonly dataSource: DataSource,
    private readonly options: TransactionsOptions,
  ) {
    this.dialect = dialectOf(dataSource);
    this.faults = this.dialect.faults;
    this.waiting = new WaitingForConnection(new Logger(Transactions.name), this.dialect.waitLimit?.option);
    this.scopes = new TransactionScopes(dataSource, options.transactionHost);
    this.guard = new StrayWriteGuard(this.dialect, dataSource, this.scopes, options);
    this.subscriber = new TransactionSubscriber(this.dialect, this.records, this.scopes, this.guard);
  }

  onModuleInit(): void {
    requireTypeOrm();
    this.listen();
    this.guard.noteIfThePoolWaitsForEver();
  }

  /**
   * Only now: until here requests are still served, and their commits must be seen. What is open even now belongs to work
   * that did not end in time: in the server it would go on, with its locks, when this process is gone.
   */
  async onApplicationShutdown(): Promise<void> {
    const { subscribers } = this.dataSource;
    const position = subscribers.indexOf(this.subscriber);
    if (position >= 0) subscribers.splice(position, 1);
    const { sessions } = this.dialect;
    this.pool?.offConnect(sessions.watch);
    await Promise.all([...this.open].map((session) => this.takeAway(session)));
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
    if (!ambient) return this.begin(fn, options.isolation);
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

  /** Names both DataSources if this manager belongs to another one than the outbox's. */
  strangerText({ dataSource }: EntityManager): string | undefined {
    if (!dataSource || dataSource === this.dataSource) return undefined;
    return `The manager belongs to ${nameOf(dataSource)}, but the outbox records in ${nameOf(this.dataSource)}.`;
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

  /**
   * Notes that `what` is at work in this transaction until the returned function is called. A commit that is asked for
   * meanwhile is refused with {@link TransactionEndedError}, for every transaction of the DataSource, whoever opened it.
   */
  underWay(what: string, manager = this.current()): () => void {
    return this.openRecord(manager, what).underWay.begin(what);
  }

  /**
   * Notes a statement of the library that is answered together with the one behind it. If it fails, that one and COMMIT are
   * not executed and the server tells them the same; whoever sent them through TypeORM gets the error of `answer` then.
   */
  noteLater(answer: Promise<unknown>, manager = this.current()): void {
    this.openRecord(manager, 'noteLater').later.note(answer);
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

  private async begin<T>(fn: (manager: EntityManager) => Promise<T>, isolation?: IsolationLevel): Promise<T> {
    this.listen();
    for (let tries = 1; ; tries++) {
      const { runner, session } = await this.connect();
      let begun = false;
      const work = (manager: EntityManager): Promise<T> => {
        begun = true;
        return fn(manager);
      };
      try {
        return await this.scopes.outside(() => this.beginOn(runner, session, work, isolation));
      } catch (error) {
        // A pool hands out connections that died a moment ago. Nothing of the work has run: it is begun on another one.
        if (begun || tries >= BEGINNINGS || this.faults.failureOf(error) !== 'unavailable') throw error;
      }
    }
  }

  /** As TypeORM's `manager.transaction`, on a connection that is looked at before and afterwards. */
  private async beginOn<T>(
    runner: QueryRunner,
    session: Session,
    fn: (manager: EntityManager) => Promise<T>,
    isolation?: IsolationLevel,
  ): Promise<T> {
    const { sessions } = this.dialect;
    const patience = new Patience(sessions, session);
    this.open.add(session);
    let record: TransactionRecord | undefined;
    const work = async (manager: EntityManager): Promise<T> => {
      patience.end();
      record = this.openRecord(manager, 'run');
      record.own = true;
      record.isolation = isolation;
      record.onEnding = () => patience.begin();
      const result = await this.takingAway(session, record, () => this.scopes.inside(manager, () => fn(manager)));
      record.refuseIfEnded();
      return result;
    };
    const { manager } = runner;
    try {
      patience.begin();
      return await (isolation ? manager.transaction(isolation, work) : manager.transaction(work));
    } catch (error) {
      sessions.judge(session, error);
      throw error;
    } finally {
      patience.end();
      this.open.delete(session);
      if (sessions.isUnfit(session)) sessions.destroy(session);
      await runner.release();
      // Not left to the subscriber: TypeORM announces nothing when the connection is lost during COMMIT or ROLLBACK.
      for (const callback of record?.ended() ?? []) this.scopes.detach(callback, 'afterEnd');
    }
  }

  /** A connection that is known of no fault. Each turn leaves the pool one faulty connection less. */
  private async connect(): Promise<{ runner: QueryRunner; session: Session }> {
    const { sessions } = this.dialect;
    for (;;) {
      const runner = this.dataSource.createQueryRunner();
      const session = await this.waiting.watch(sessionOf(runner), this.pool);
      sessions.watch(session);
      if (!sessions.isUnfit(session)) return { runner, session };
      sessions.destroy(session);
      await runner.release();
    }
  }

  /**
   * Work whose time is over may still be running, and its statement too. Its connection is taken away from it: the statement
   * ends in the server, with transaction and locks, and what it still tries to write fails.
   */
  private async takingAway<T>(
    session: Session,
    record: TransactionRecord | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof TimeIsOverError) {
        if (record) record.ending = true;
        await this.takeAway(session);
      }
      throw error;
    }
  }

  private async takeAway(session: Session): Promise<void> {
    const { sessions } = this.dialect;
    await sessions.cancel(session);
    sessions.destroy(session);
  }

  private async runInHost<T>(fn: (manager: EntityManager) => Promise<T>, options: TransactionOptions): Promise<T> {
    const host = this.options.transactionHost!;
    const work = async (): Promise<T> => {
      const manager = this.current();
      if (manager) {
        const { queryRunner } = manager;
        return this.takingAway(await sessionOf(queryRunner!), this.records.openOn(queryRunner), () => fn(manager));
      }
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

  /** Of the DataSource; none before it is initialised. */
  private get pool(): ConnectionPool | undefined {
    return this.dialect.poolOf(this.dataSource);
  }

  private openRecord(manager: EntityManager | undefined, caller: string): TransactionRecord {
    const record = this.records.openOn(manager?.queryRunner);
    if (record && this.dialect.sessions.stateOf(record.session) === 'rolled back') throw rolledBackError();
    if (record) return record;
    const stranger = manager && this.strangerText(manager);
    throw new TransactionRequiredError(
      `${stranger ? `${stranger} ` : ''}${caller} needs an open transaction of the outbox's DataSource. Call it inside @Transactional() or ` +
        'transactions.run(), or pass the manager that dataSource.transaction() hands out.',
    );
  }

  /** Also from `run`: a provider may need a transaction before `onModuleInit` came here. */
  private listen(): void {
    if (this.dataSource.subscribers.includes(this.subscriber)) return;
    this.dataSource.subscribers.push(this.subscriber);
    this.pool?.onConnect(this.dialect.sessions.watch);
  }
}

/** As `TypeOrmModule.forRoot({ name })` calls it, and what it is connected to. */
function nameOf({ options, driver }: DataSource): string {
  const { name = 'default' } = options as { name?: string };
  return `the DataSource '${name}' (database ${driver.database ?? 'unknown'})`;
}
