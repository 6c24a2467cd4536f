import type {
  AfterQueryEvent,
  BeforeQueryEvent,
  EntityMetadata,
  EntitySubscriberInterface,
  QueryRunner,
} from 'typeorm';
import { rolledBackError } from './rolled-back';
import { sessionOf } from './session-of';
import { SilentRollbackError, TransactionEndedError } from '../errors';
import type { Dialect } from './dialect';
import type { StrayWriteGuard } from './stray-write-guard';
import type { TransactionRecord, TransactionRecords } from './transaction-record';
import type { TransactionScopes } from './transaction-scopes';

interface OnConnection {
  queryRunner: QueryRunner;
}
interface OnEntity extends OnConnection {
  metadata: EntityMetadata;
}

/**
 * The one place where TypeORM tells what it does, for every transaction of the DataSource: ours, a plain
 * `dataSource.transaction()`, an own query runner, another library's. Nothing of TypeORM is patched.
 *
 * TypeORM awaits what the `before…` methods return and fails the operation if it rejects. After COMMIT nothing may fail
 * any more: the caller would be told that a committed transaction was not.
 */
export class TransactionSubscriber implements EntitySubscriberInterface {
  constructor(
    private readonly dialect: Dialect,
    private readonly records: TransactionRecords,
    private readonly scopes: TransactionScopes,
    private readonly guard: StrayWriteGuard,
  ) {}

  /**
   * Comes before a connection is taken from the pool. Never for a savepoint: TypeORM answers an error here by forgetting
   * that the transaction is open, and would return the connection to the pool in the middle of it.
   */
  beforeTransactionStart({ queryRunner }: OnConnection): void {
    if (!this.records.openOn(queryRunner)) this.guard.checkTransaction(queryRunner);
  }

  async afterTransactionStart({ queryRunner }: OnConnection): Promise<void> {
    const open = this.records.openOn(queryRunner);
    if (open) open.savepointOpened();
    else {
      const session = await sessionOf(queryRunner);
      this.dialect.sessions.began(session);
      this.records.begin(queryRunner, session);
    }
  }

  async beforeTransactionCommit({ queryRunner }: OnConnection): Promise<void> {
    const record = this.records.openOn(queryRunner);
    if (!record) return;
    this.refuseIfRolledBack(record);
    if (record.outermost) {
      await this.runHooks(record, queryRunner);
      record.underWay.refuseCommit();
      this.refuseIfRolledBack(record); // by a hook
      this.refuseIfEndedByHand(record);
      record.ending = true;
    }
    record.announced = true;
  }

  afterTransactionCommit({ queryRunner }: OnConnection): void {
    const callbacks = this.records.of(queryRunner)?.levelCommitted() ?? [];
    for (const callback of callbacks) this.scopes.detach(callback, 'afterCommit');
  }

  beforeTransactionRollback({ queryRunner }: OnConnection): void {
    const record = this.records.of(queryRunner);
    if (!record) return;
    record.ending ||= record.outermost;
    record.announced = true;
  }

  afterTransactionRollback({ queryRunner }: OnConnection): void {
    this.records.of(queryRunner)?.levelRolledBack();
  }

  beforeQuery({ queryRunner, query }: BeforeQueryEvent): void {
    const record = this.records.of(queryRunner);
    if (record) this.watchStatement(record, query);
    this.guard.checkStatement(queryRunner, query);
  }

  /** Not thrown but returned: TypeORM would dress a thrown error up as a failed query. */
  afterQuery({ query, queryRunner, success, error, rawResults }: AfterQueryEvent): Promise<void> | void {
    const record = this.records.of(queryRunner);
    if (!success) return record && this.noteFailure(record, error);
    if (record && !record.ending) this.dialect.sessions.answered(record.session, rawResults);
    if (query !== 'COMMIT') return;
    const answer = this.dialect.insteadOfCommit(rawResults);
    if (answer !== undefined) return this.refuseSilentRollback(record, answer);
  }

  beforeInsert({ queryRunner, metadata }: OnEntity): void {
    this.guard.checkEntity(queryRunner, 'INSERT', metadata.tableName);
  }

  beforeUpdate({ queryRunner, metadata }: OnEntity): void {
    this.guard.checkEntity(queryRunner, 'UPDATE', metadata.tableName);
  }

  beforeRemove({ queryRunner, metadata }: OnEntity): void {
    this.guard.checkEntity(queryRunner, 'DELETE', metadata.tableName);
  }

  beforeSoftRemove({ queryRunner, metadata }: OnEntity): void {
    this.guard.checkEntity(queryRunner, 'soft DELETE', metadata.tableName);
  }

  beforeRecover({ queryRunner, metadata }: OnEntity): void {
    this.guard.checkEntity(queryRunner, 'recover', metadata.tableName);
  }

  private watchStatement(record: TransactionRecord, sql: string): void {
    const ending = this.dialect.endingOf(sql);
    if (ending && record.announced) return;
    if (record.ending) return refuseStraggler(record, sql);
    if (ending !== 'rollback') this.refuseIfRolledBack(record);
    record.statements += 1;
    if (!ending) return;
    if (ending === 'commit') record.underWay.refuseCommit();
    // Written by hand. What a savepoint's rollback undid, or whether the transaction committed, is no longer known.
    record.dropCallbacks();
    if (record.own && ending !== 'rollback to savepoint') {
      throw new TransactionEndedError(
        `"${excerpt(sql)}" would end a transaction that Transactions.run() or @Transactional() opened. ` +
          'To roll back, throw an error; to commit, return.',
      );
    }
  }

  /** @throws the error of a statement of ours that this one was sent with, if that one is the reason */
  private async noteFailure(record: TransactionRecord, error: unknown): Promise<void> {
    // Also when the caller catches the error and throws another one: the next transaction gets another connection.
    const { sessions } = this.dialect;
    sessions.judge(record.session, error);
    if (!record.ending) await sessions.lookAfterFailure(record.session);
    const reason = await record.later.failure();
    if (reason !== undefined) throw reason;
  }

  private async runHooks(record: TransactionRecord, { manager }: QueryRunner): Promise<void> {
    for (let hook = record.nextHook(); hook; hook = record.nextHook()) {
      const run = hook;
      await this.scopes.inside(manager, () => run(manager));
    }
  }

  /** Where a transaction that the server has rolled back is simply gone, the next statement would commit by itself. */
  private refuseIfRolledBack(record: TransactionRecord): void {
    if (this.dialect.sessions.stateOf(record.session) !== 'rolled back') return;
    record.dropCallbacks();
    throw rolledBackError();
  }

  /**
   * A hand-written COMMIT or ROLLBACK that no text gave away (behind a comment, on the raw client). PostgreSQL answers
   * the COMMIT that follows with COMMIT, so only the connection's status tells. For a failed transaction the status is
   * no help: the error reaches the caller before the status does (128 of 400 missed); there, COMMIT's answer decides.
   */
  private refuseIfEndedByHand(record: TransactionRecord): void {
    if (this.dialect.sessions.stateOf(record.session) !== 'ended') return;
    record.dropCallbacks();
    if (!record.own) return;
    throw new TransactionEndedError(
      'A hand-written COMMIT or ROLLBACK ended this transaction before its work was done; everything after it was ' +
        'committed statement by statement. To roll back, throw an error; to commit, return.',
    );
  }

  private async refuseSilentRollback(record: TransactionRecord | undefined, answer: string): Promise<never> {
    const reason = await record?.later.failure();
    if (reason !== undefined) throw reason;
    throw new SilentRollbackError(
      `${this.dialect.name} answered COMMIT with ${answer}: a SQL error inside the transaction was caught and ignored, so nothing ` +
        'was saved. Let the error leave the transaction, or wrap the part that may fail in ' +
        "transactions.run(…, { propagation: 'savepoint' }) and catch the error outside of that part.",
    );
  }
}

function refuseStraggler(record: TransactionRecord, sql: string): void {
  if (!record.own) return;
  throw new TransactionEndedError(
    `The transaction of "${excerpt(sql)}" is over: the statement would run, and commit, by itself. ` +
      'Is an `await` missing, or did another branch of a Promise.all fail first?',
  );
}

function excerpt(sql: string): string {
  return sql.length > 60 ? `${sql.slice(0, 60)}…` : sql;
}
