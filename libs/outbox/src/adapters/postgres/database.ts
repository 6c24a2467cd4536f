import type { ClientBase, Pool, QueryConfig, QueryResult } from 'pg';
import { type EntityManager, QueryFailedError } from 'typeorm';
import { TransactionRequiredError } from '../../errors';
import type { Later } from '../../ports/store';
import { isRefusedBySession, Patience, postgresSessions } from '../../transactions';
import { canHold } from './client/outbox-client';
import type { Row } from '../rows';
import { Connections } from './pool';

/** A statement of the library, and what it is asked with. */
export interface Statement<Args = void> {
  /** Shows in the text too, as a comment, and so in `pg_stat_statements`. */
  readonly name: string;
  readonly text: string;
  /**
   * On which connections it is prepared by name, which saves PostgreSQL the parsing and planning: more than half of a small
   * statement's time. The plan is then kept, and one that was made for an empty table reads the whole of it when it has
   * grown (20 ms more among 100,000 rows), until autovacuum comes round. So:
   *
   * - *all*: it looks nothing up, there is nothing to plan
   * - *own*: it looks rows up by key, and the library's own connections are replaced before an old plan does much harm
   * - *none*: the best way to its rows depends on its values and on what is in the table now
   */
  readonly prepared: 'all' | 'own' | 'none';
  /** The values of `$1`, `$2`, …. */
  readonly values: (args: Args) => readonly unknown[];
}

/** Whatever it is asked with. */
type Named = Pick<Statement, 'name' | 'text'>;

export interface Result {
  readonly rows: Row[];
  readonly count: number;
}

/** Whatever the application did to `pg`'s type parsers: here they do not count. */
const AS_TEXT: QueryConfig['types'] = { getTypeParser: () => (value: string) => value };

/** PostgreSQL does not know a prepared statement by this name, or knows it already: somebody changed the session. */
const FOREIGN_SESSION = ['26000', '42P05'];

const HOW_TO_POOL =
  '. A pooler in transaction mode seems to stand before PostgreSQL, and loses prepared statements: set ' +
  '`store: postgres({ namedStatements: false })` in the options of OutboxModule, or max_prepared_statements in PgBouncer 1.21 and later.';

const DEFAULT_ISOLATION: Statement = {
  name: 'outbox.isolation',
  text: "select current_setting('default_transaction_isolation') as isolation -- outbox.isolation",
  prepared: 'none',
  values: () => [],
};

/**
 * Runs statements: in the caller's transaction, or on the library's own pool, each then its own transaction.
 *
 * On the pool they run at READ COMMITTED, for which they are written: they skip or wait for rows that others hold, and look
 * at them again. Where the role or the database has another default, each asks for it, at the price of two round trips:
 * at REPEATABLE READ two relays would refuse each other's claims, and at SERIALIZABLE the application's transactions too
 * could fail because of them. In the caller's transaction the caller's level holds.
 *
 * In the caller's transaction they go to the `pg` client under TypeORM's query runner, because only there a statement can
 * be prepared by name. So TypeORM's subscribers do not see them; its logger is told here. Failures are TypeORM's
 * `QueryFailedError`, with PostgreSQL's `code`. Parameters are never logged nor kept: they hold payloads.
 */
export class Database {
  private readonly own: Connections;
  private defaultIsolation: Promise<string> | undefined;

  constructor(
    readonly pool: Pool,
    /** False behind a transaction pooler that loses them, and from the moment on when that is noticed. */
    private namedStatements: boolean,
    answerTimeoutMs?: number,
  ) {
    this.own = new Connections(pool, answerTimeoutMs);
  }

  /**
   * Ends in bounded time: with an answer, or with an error. What a session refused is asked again, once, on a new one. What
   * was never answered is not, since it may have happened: to those who ask it is a failed attempt, and each is safe to
   * repeat (docs/guarantees.md, F18a).
   *
   * Not logged: an idle relay asks every second.
   */
  async run<Args>(statement: Statement<Args>, args: NoInfer<Args>): Promise<Result> {
    const values = statement.values(args);
    const prepared = statement.prepared !== 'none';
    const readsCommitted = (await this.isolationByDefault()) === 'read committed';
    return this.onOwn(statement, (client) => {
      const send = (): Promise<Result> => this.send(client, statement, values, prepared);
      return readsCommitted ? send() : readingCommitted(client, send);
    });
  }

  /** A question that PostgreSQL itself gives up after `limitMs`, with SQLSTATE 57014. It changes nothing. */
  runWithin(limitMs: number, statement: Statement): Promise<Result> {
    return this.onOwn(statement, async (client) => {
      await client.query('begin isolation level read committed read only');
      await client.query(`set local statement_timeout = ${Math.round(limitMs)}`);
      const result = await this.send(client, statement, statement.values(), false);
      await client.query('commit');
      return result;
    });
  }

  /** Statements that happen together, at READ COMMITTED, or not at all. */
  together<T>(
    name: string,
    work: (run: <Args>(statement: Statement<Args>, args: NoInfer<Args>) => Promise<Result>) => Promise<T>,
  ): Promise<T> {
    return this.own.use(name, async (client) => {
      await client.query('begin isolation level read committed');
      const result = await work((statement, args) => this.send(client, statement, statement.values(args), false));
      await client.query('commit');
      return result;
    });
  }

  /** @throws TransactionRequiredError if `tx` is not the manager of an open transaction */
  async runIn<Args>(tx: EntityManager, statement: Statement<Args>, args: NoInfer<Args>): Promise<Result> {
    const runner = tx.queryRunner;
    if (!runner?.isTransactionActive) {
      throw new TransactionRequiredError(
        `${statement.name} needs an open transaction, but was given a manager without one. ` +
          'Pass the manager that transactions.run() or dataSource.transaction() hands out.',
      );
    }
    const { logger } = tx.dataSource;
    logger.logQuery(statement.text, undefined, runner);
    const client = (await runner.connect()) as ClientBase;
    const patience = new Patience(postgresSessions, client);
    try {
      patience.begin();
      return await this.send(client, statement, statement.values(args), statement.prepared === 'all');
    } catch (error) {
      logger.logQueryError(error as Error, statement.text, undefined, runner);
      throw error;
    } finally {
      patience.end();
    }
  }

  /**
   * As `runIn`, but on an `OutboxClient` without a round trip of its own: it goes, in its place, with what is sent next on
   * the connection, and is answered with it.
   */
  async holdIn<Args>(tx: EntityManager, statement: Statement<Args>, args: NoInfer<Args>): Promise<Later<Result>> {
    const runner = tx.queryRunner;
    const client = runner?.isTransactionActive ? ((await runner.connect()) as ClientBase) : undefined;
    const named = statement.prepared === 'all' && this.namedStatements;
    const held =
      client && canHold(client) ? client.hold(asked(statement, statement.values(args), { named })) : undefined;
    if (!held) return { answer: Promise.resolve(await this.runIn(tx, statement, args)) };
    const { logger } = tx.dataSource;
    logger.logQuery(statement.text, undefined, runner);
    const answer = held.then(resultOf, (error: unknown) => {
      const failure = this.failureOf(statement, named, error);
      logger.logQueryError(failure, statement.text, undefined, runner);
      throw failure;
    });
    return { answer };
  }

  /** Asked once: it belongs to the role and the database, so it is the same on every connection. */
  private async isolationByDefault(): Promise<string> {
    this.defaultIsolation ??= this.onOwn(DEFAULT_ISOLATION, (client) =>
      this.send(client, DEFAULT_ISOLATION, [], false),
    ).then(({ rows }) => rows[0]!.isolation!);
    try {
      return await this.defaultIsolation;
    } catch (error) {
      this.defaultIsolation = undefined;
      throw error;
    }
  }

  private async onOwn(statement: Named, work: (client: ClientBase) => Promise<Result>): Promise<Result> {
    try {
      return await this.own.use(statement.name, work);
    } catch (error) {
      if (!isRefusedBySession(error)) throw error;
      return this.own.use(statement.name, work);
    }
  }

  private async send(to: ClientBase, statement: Named, values: readonly unknown[], prepared: boolean): Promise<Result> {
    const named = prepared && this.namedStatements;
    const byName = canHold(to) ? { named } : { name: named ? statement.name : undefined };
    try {
      return resultOf(await to.query<Row>(asked(statement, values, byName)));
    } catch (error) {
      throw this.failureOf(statement, named, error);
    }
  }

  private failureOf(statement: Named, named: boolean, error: unknown): QueryFailedError {
    const failure = new QueryFailedError(statement.text, [], error as Error);
    if (named && FOREIGN_SESSION.includes(sqlState(failure) ?? '')) {
      // Once is enough: this one failed, and each that follows would.
      this.namedStatements = false;
      failure.message += HOW_TO_POOL;
    }
    return failure;
  }
}

/** An `OutboxClient` finds a name itself; `pg` is given one. */
function asked({ text }: Named, values: readonly unknown[], { name, named }: { name?: string; named?: boolean }) {
  return { name, named, text, values: [...values], types: AS_TEXT };
}

function resultOf({ rows, rowCount }: QueryResult<Row>): Result {
  return { rows, count: rowCount ?? 0 };
}

/** On a client of the own pool, which takes none back that failed. */
async function readingCommitted<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('begin isolation level read committed');
  const result = await work();
  await client.query('commit');
  return result;
}

/** The SQLSTATE of a failed statement. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof QueryFailedError ? (error.driverError as { code?: string }).code : undefined;
}
