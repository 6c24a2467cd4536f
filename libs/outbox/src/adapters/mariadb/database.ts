import type { Connection, Pool, PoolConnection, ResultSetHeader } from 'mysql2';
import { type EntityManager, QueryFailedError } from 'typeorm';
import { TransactionEndedError, TransactionRequiredError } from '../../errors';
import { mysqlFaults, mysqlSessions } from '../../transactions';
import { askedOnce } from '../boot-checks';
import type { Row } from '../rows';
import { errnoOf } from './failure';
import { loadMysql2, type Mysql2 } from './mysql2';
import { type Answer, type Ask, question, type Question } from './question';

/**
 * For each statement on the library's own pool. They take milliseconds and wait for rows no longer than {@link LOCK_WAIT_S}, so who has
 * not answered by then is not going to.
 */
const ANSWER_TIMEOUT_MS = 20_000;
const LOCK_WAIT_S = 5;
/** How often a transaction that lost against another one is tried at all. */
const TRIES = 5;

/**
 * What the statements are written for. At REPEATABLE READ, the default, a claim that finds nothing locks the gap in front of which
 * producers insert, and MariaDB 11.8 refuses rows that were changed since. Not strict, it cuts texts that are too long, in silence.
 */
const SESSION = [
  question('outbox.isolation', 'set session transaction isolation level read committed'),
  question(
    'outbox.session',
    `set session autocommit = 1, innodb_lock_wait_timeout = ${LOCK_WAIT_S}, sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'`,
  ),
];
const BEGIN = question('outbox.begin', 'start transaction');
const COMMIT = question('outbox.commit', 'commit');
const ROLLBACK = question('outbox.rollback', 'rollback');
const NOTHING = question('outbox.alive', 'do 0');
const VERSION = question('outbox.version', 'select version() as version');

/** Bits of the status that the server sends with what is no result set. */
const IN_TRANSACTION = 0x0001;
const AUTOCOMMIT = 0x0002;
const NO_BACKSLASH_ESCAPES = 0x0200;

/**
 * Asks the server: in the caller's transaction, or on the library's own pool.
 *
 * In the caller's transaction statements go to the mysql2 connection under TypeORM's query runner, past its subscribers, as what the
 * library does is nobody's stray write; its logger is told. There the caller's isolation level holds. Values are written into the
 * text by mysql2, and never logged nor kept: they hold payloads.
 */
export class Database {
  private readonly ready = new WeakSet<PoolConnection>();
  private readonly guarding = new WeakSet<Connection>();
  private readonly isMariaDb = askedOnce(async () => (await this.run(VERSION)).rows[0]!.version!.includes('MariaDB'));

  constructor(readonly pool: Pool) {}

  /** One statement, a transaction of its own; again, if it lost against another one. */
  run(asked: Question): Promise<Answer> {
    return this.repeating(() => this.onOwn((ask) => ask(asked)));
  }

  /** Statements that happen together, at READ COMMITTED, or not at all; all of them again, if they lost against another transaction. */
  together<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return this.repeating(() =>
      this.onOwn(async (ask) => {
        await ask(BEGIN);
        const result = await work(ask);
        await ask(COMMIT);
        return result;
      }),
    );
  }

  /**
   * How to ask in the caller's transaction.
   * @throws TransactionRequiredError if `tx` is not the manager of an open transaction
   */
  async inside(tx: EntityManager): Promise<Ask> {
    const runner = tx.queryRunner;
    if (!runner?.isTransactionActive) {
      throw new TransactionRequiredError(
        'This needs an open transaction, but was given a manager without one. Pass the manager that transactions.run() or ' +
          'dataSource.transaction() hands out.',
      );
    }
    const { logger } = tx.dataSource;
    const connection = await connectionUnder(tx);
    return async (asked) => {
      logger.logQuery(asked.text, undefined, runner);
      try {
        return await send(connection, asked);
      } catch (error) {
        logger.logQueryError(error as Error, asked.text, undefined, runner);
        // So that what TypeORM sends next is refused, should the transaction be gone with it: its subscriber saw nothing of this.
        await mysqlSessions.lookAfterFailure(connection);
        throw error;
      }
    };
  }

  /**
   * As `inside`, after the server has said that the transaction is still there. A deadlock ends it, TypeORM does not notice if somebody
   * catches the error, and what is written next would be committed by itself and survive the "rollback".
   * @throws TransactionEndedError
   */
  async insideAlive(tx: EntityManager): Promise<Ask> {
    const ask = await this.inside(tx);
    const connection = await connectionUnder(tx);
    const status = (await statusOf(connection)) ?? 0;
    if (!(status & IN_TRANSACTION)) throw ended();
    if (status & NO_BACKSLASH_ESCAPES) {
      throw new TransactionRequiredError(
        'This session has NO_BACKSLASH_ESCAPES in its sql_mode, for which mysql2 does not write values safely. Take it out.',
      );
    }
    if (status & AUTOCOMMIT && (await this.isMariaDb())) this.guarding.add(connection);
    return ask;
  }

  /**
   * As `inside`, where a statement can see for itself whether a transaction is open, and need not be preceded by a question: in MariaDB,
   * in a session that was asked before and commits by itself whatever is in no transaction.
   */
  async insideGuarding(tx: EntityManager): Promise<Ask | undefined> {
    const ask = await this.inside(tx);
    return this.guarding.has(await connectionUnder(tx)) ? ask : undefined;
  }

  private async repeating<T>(attempt: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await attempt();
      } catch (error) {
        if (tries >= TRIES || !mysqlFaults.isConflict(error)) throw error;
      }
    }
  }

  private async onOwn<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    const connection = await connectionOf(this.pool);
    const ask: Ask = (asked) => send(connection, asked, ANSWER_TIMEOUT_MS);
    try {
      if (!this.ready.has(connection)) {
        for (const setting of SESSION) await ask(setting);
        this.ready.add(connection);
      }
      const result = await work(ask);
      connection.release();
      return result;
    } catch (error) {
      await giveBack(connection, error, ask);
      throw error;
    }
  }
}

function connectionUnder(tx: EntityManager): Promise<Connection> {
  return tx.queryRunner!.connect() as Promise<Connection>;
}

export function ended(): TransactionEndedError {
  return new TransactionEndedError(
    'The server has ended this transaction: a deadlock (1213), a row that changed (1020), or a statement that commits by itself. ' +
      'Whatever was written before is gone or committed, and nothing more is recorded. Let such an error leave the transaction, ' +
      'and run the whole of it again. (Or the session has turned its autocommit off since it recorded before.)',
  );
}

/** A connection that failed is as good as before once it has rolled back, unless nobody answered on it, or the server is not what it was. */
async function giveBack(connection: PoolConnection, error: unknown, ask: Ask): Promise<void> {
  const answered = errnoOf(error) !== undefined || !(error instanceof QueryFailedError);
  const rolledBack = answered && !mysqlFaults.isSessionFault(error) && (await ask(ROLLBACK).catch(() => undefined));
  if (rolledBack) connection.release();
  else connection.destroy();
}

function connectionOf(pool: Pool): Promise<PoolConnection> {
  return new Promise((resolve, reject) => {
    pool.getConnection((error, connection) => (error ? reject(error) : resolve(connection)));
  });
}

/** Whatever the application told its driver to make of columns, values and big numbers: here it does not count. */
const AS_TEXT = {
  rowsAsArray: false,
  nestTables: false,
  namedPlaceholders: false,
  typeCast: (field: { string(): string | null }): string | null => field.string(),
} as const;

async function send(connection: Connection, asked: Question, timeout?: number): Promise<Answer> {
  const found = await query(connection, asked, timeout);
  return Array.isArray(found) ? { rows: found, count: found.length } : { rows: [], count: found.affectedRows };
}

/** How the session stands, by the answer to a statement that does nothing. */
async function statusOf(connection: Connection): Promise<number | undefined> {
  const found = await query(connection, NOTHING);
  return Array.isArray(found) ? undefined : found.serverStatus;
}

type Found = Row[] | (ResultSetHeader & { serverStatus?: number });

function query(connection: Connection, asked: Question, timeout?: number): Promise<Found> {
  const { text, values } = asked;
  const sent = asked.prepared ? { sql: text, values: values.map((value) => value ?? null) } : { sql: written(asked) };
  const ask = asked.prepared ? 'execute' : 'query';
  return new Promise((resolve, reject) => {
    connection[ask]({ ...sent, ...AS_TEXT, ...(timeout && { timeout }) }, (error, found) => {
      if (error) reject(new QueryFailedError(text, [], withoutValues(error)));
      else resolve(found as Found);
    });
  });
}

function written({ text, values }: Question): string {
  return loadMysql2().format(text, [...values] as Parameters<Mysql2['format']>[1], true, 'Z');
}

/** mysql2 tells the text that it has sent, values and all; TypeORM takes over what it finds. */
function withoutValues(error: Error & { sql?: string }): Error {
  delete error.sql;
  return error;
}
