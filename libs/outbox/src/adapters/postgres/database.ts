import type { ClientBase, Pool, QueryConfig } from 'pg';
import { type EntityManager, QueryFailedError } from 'typeorm';
import { TransactionRequiredError } from '../../errors';
import { survivingIdleErrors } from './pool';

/** A statement of the library. */
export interface Statement {
  /** Shows in the text too, as a comment, and so in `pg_stat_statements`. */
  readonly name: string;
  readonly text: string;
  /**
   * May be prepared by name, which saves PostgreSQL the parsing and planning. Only for statements that look nothing up: a
   * plan that was kept from a small table reads the whole of it when it has grown (32 ms more for one row of 50,000, until
   * autovacuum comes round). The others are planned for their values, every time.
   */
  readonly preparable: boolean;
}

/** Every column arrives as text, or null. */
export type Row = Readonly<Record<string, string | null>>;
export interface Result {
  readonly rows: Row[];
  readonly count: number;
}

/** Whatever the application did to `pg`'s type parsers: here they do not count. */
const AS_TEXT: QueryConfig['types'] = { getTypeParser: () => (value: string) => value };

/**
 * Runs statements: in the caller's transaction, or on the library's own pool, each then its own transaction.
 *
 * In the caller's transaction they go to the `pg` client under TypeORM's query runner, because only there a statement can
 * be prepared by name. So TypeORM's subscribers do not see them; its logger is told here. Failures are TypeORM's
 * `QueryFailedError`, with PostgreSQL's `code`. Parameters are never logged nor kept: they hold payloads.
 */
export class Database {
  constructor(
    private readonly pool: Pool,
    /** False for poolers that cannot (PgBouncer before 1.21). */
    private readonly namedStatements: boolean,
  ) {
    survivingIdleErrors(pool);
  }

  /** Not logged: an idle relay asks every second. */
  async run(statement: Statement, values: readonly unknown[]): Promise<Result> {
    return this.send(this.pool, statement, values);
  }

  /** @throws TransactionRequiredError if `tx` is not the manager of an open transaction */
  async runIn(tx: EntityManager, statement: Statement, values: readonly unknown[]): Promise<Result> {
    const runner = tx.queryRunner;
    if (!runner?.isTransactionActive) {
      throw new TransactionRequiredError(
        `${statement.name} needs an open transaction, but was given a manager without one. ` +
          'Pass the manager that transactions.run() or dataSource.transaction() hands out.',
      );
    }
    const { logger } = tx.dataSource;
    logger.logQuery(statement.text, undefined, runner);
    try {
      return await this.send((await runner.connect()) as ClientBase, statement, values);
    } catch (error) {
      logger.logQueryError(error as Error, statement.text, undefined, runner);
      throw error;
    }
  }

  private async send(to: Pool | ClientBase, statement: Statement, values: readonly unknown[]): Promise<Result> {
    try {
      const { rows, rowCount } = await to.query<Row>({
        ...(this.namedStatements && statement.preparable && { name: statement.name }),
        text: statement.text,
        values: [...values],
        types: AS_TEXT,
      });
      return { rows, count: rowCount ?? 0 };
    } catch (error) {
      throw new QueryFailedError(statement.text, [], error as Error);
    }
  }
}

/** The SQLSTATE of a failed statement. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof QueryFailedError ? (error.driverError as { code?: string }).code : undefined;
}
