import { Logger } from '@nestjs/common';
import type { DataSource, QueryRunner } from 'typeorm';
import { WriteOutsideTransactionError } from '../errors';
import type { Dialect } from './dialect';
import type { TransactionScopes } from './transaction-scopes';
import type { TransactionsOptions } from './transactions-options';

const DEFAULT_CACHE_TABLE = 'query-result-cache';

/**
 * Catches the classic mistake: inside a transaction, a write through something that does not belong to it (an injected
 * repository, the DataSource, a second query runner). Such a write commits by itself and survives the rollback.
 *
 * It sees every statement TypeORM sends for this DataSource. It does not see a SELECT of a function that writes, the raw
 * client, streams, nor other DataSources. A second *transaction* is reported even if it only reads: what it will do
 * is not known yet, and with an exhausted pool it would wait for the connection its opener holds.
 */
export class StrayWriteGuard {
  private readonly logger = new Logger(StrayWriteGuard.name);
  /** Verbs and tables, no texts: a busy application would otherwise log the same mistake a thousand times a second. */
  private readonly alreadyLogged = new Set<string>();
  private readonly ignored: ReadonlySet<string>;

  constructor(
    private readonly dialect: Dialect,
    private readonly dataSource: DataSource,
    private readonly scopes: TransactionScopes,
    private readonly options: TransactionsOptions,
  ) {
    const { cache } = dataSource.options;
    const cacheTable = (typeof cache === 'object' && cache.tableName) || DEFAULT_CACHE_TABLE;
    this.ignored = new Set([...(options.ignoreTables ?? []), cacheTable].map(lastPartOf));
  }

  /** The guard comes after a connection is taken, except for entity events and transactions: too late for a full pool. */
  noteIfThePoolWaitsForEver(): void {
    const { waitLimit } = this.dialect;
    if (!waitLimit || waitLimit.isSet(this.dataSource)) return;
    this.logger.debug(
      `The DataSource has no ${waitLimit.option}: when its pool is exhausted, a query waits for a connection for ever, and ` +
        `one that goes past its open transaction may wait for itself. Set e.g. ${waitLimit.option}: 10_000.`,
    );
  }

  /** A transaction host may mean to open a second one (REQUIRES_NEW); the writes in it are still looked at. */
  checkTransaction(runner: QueryRunner): void {
    if (!this.options.transactionHost && this.strays(runner)) this.report('a second transaction');
  }

  checkEntity(runner: QueryRunner, verb: string, table: string): void {
    if (this.strays(runner) && !this.ignores(table)) this.report(verb, table);
  }

  /** The text is looked at only when the connection is a stranger's: the right way costs two comparisons. */
  checkStatement(runner: QueryRunner, sql: string): void {
    if (!this.strays(runner)) return;
    const write = this.dialect.findWrites(sql).find(({ table }) => table === undefined || !this.ignores(table));
    if (write) this.report(write.verb, write.table);
  }

  private strays(runner: QueryRunner): boolean {
    if (this.options.strictWrites === 'off') return false;
    const ambient = this.scopes.current();
    return ambient !== undefined && ambient.queryRunner !== runner;
  }

  private ignores(table: string): boolean {
    return this.ignored.has(lastPartOf(table));
  }

  /** If one, and only one, entity has this table. */
  private entityOf(table: string): string | undefined {
    const name = lastPartOf(table);
    const [entity, another] = this.dataSource.entityMetadatas.filter(({ tableName }) => lastPartOf(tableName) === name);
    return another ? undefined : entity?.targetName;
  }

  private report(verb: string, table?: string): void {
    const entity = table === undefined ? undefined : this.entityOf(table);
    const what = [verb, table, entity && `(entity ${entity})`].filter((part) => part !== undefined).join(' ');
    const error = withTheCaller(
      () =>
        new WriteOutsideTransactionError(
          `Inside an open transaction, another connection was used for: ${what}. It would survive the transaction's rollback. ` +
            `Write through transactions.repository(${entity || 'Entity'}), transactions.manager() or a repository from ` +
            `OutboxModule.forFeature([${entity || 'Entity'}]). If it is meant to survive, wrap it in transactions.outside(() => …).`,
        ),
    );
    this.options.onStrayWrite?.(error);
    if (this.options.strictWrites === 'throw') throw error;
    if (this.alreadyLogged.has(what)) return;
    this.alreadyLogged.add(what);
    this.logger.warn(error.stack);
  }
}

/** Between the caller's line and this one stand more frames of TypeORM than a stack has by default. */
const FRAMES = 100;

/** An error whose stack reaches the line that wrote. */
function withTheCaller<E extends Error>(make: () => E): E {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = FRAMES;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** `"public"."account"` and `account` are one table here: a guard may be generous with names, not with verbs. */
function lastPartOf(table: string): string {
  return table.slice(table.lastIndexOf('.') + 1).toLowerCase();
}
