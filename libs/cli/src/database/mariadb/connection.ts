import { createRequire } from 'node:module';
import type { Connection, QueryOptions } from 'mysql2/promise';
import { type AskDatabase, CONNECT_TIMEOUT_MS, type Question, STATEMENT_TIMEOUT_MS } from '../engine';

/** mysql2 is an optional peer: its types are imported in this folder, its code only here. */
type Mysql2 = typeof import('mysql2/promise');

/** @throws Error that says what to install */
export function loadMysql2(): Mysql2 {
  try {
    return createRequire(__filename)('mysql2/promise') as Mysql2;
  } catch (cause) {
    throw new Error('A database of MariaDB needs mysql2, which could not be loaded. Run: npm install mysql2@3', {
      cause,
    });
  }
}

/** A connection to a server, and which of the two it is. */
export interface Session {
  readonly server: 'mariadb' | 'mysql';
  /** What it calls itself, e.g. `10.11.19-MariaDB`. */
  readonly version: string;
  /** Values are named, as `:name`. Of a statement that yields none there are none. */
  rows(question: Question): Promise<Record<string, unknown>[]>;
}

/** A connection for this. Where backslashes do not escape, mysql2 could not write values safely; so that is settled, whatever the server's default. */
export async function connected<T>(url: string, purpose: string, work: (session: Session) => Promise<T>): Promise<T> {
  const connection = await loadMysql2().createConnection({
    uri: url,
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectAttributes: { program_name: `tallystick ${purpose}` },
    charset: 'utf8mb4',
    dateStrings: true,
    jsonStrings: true,
  });
  connection.on('error', () => {}); // whoever waits for an answer is told as well
  try {
    const rows = asking(connection);
    await rows({ text: `set session autocommit = 1, sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'` });
    const version = String((await rows({ text: 'select version() as version' }))[0]!.version);
    return await work({ server: /mariadb/i.test(version) ? 'mariadb' : 'mysql', version, rows });
  } finally {
    await connection.end().catch(() => {}); // it is gone already
  }
}

export function readOnly<T>(url: string, purpose: string, work: (ask: AskDatabase) => Promise<T>): Promise<T> {
  return connected(url, purpose, async ({ server, rows }) => {
    const limit =
      server === 'mariadb'
        ? `max_statement_time = ${STATEMENT_TIMEOUT_MS / 1_000}`
        : `max_execution_time = ${STATEMENT_TIMEOUT_MS}`;
    await rows({ text: `set session ${limit}` });
    return work(async <Row extends object>(question: Question<Row>) => {
      await rows({ text: 'set transaction isolation level read committed' });
      await rows({ text: 'start transaction read only' });
      try {
        const found = await rows(question);
        return question.row ? found.map(question.row) : (found as Row[]);
      } finally {
        await rows({ text: 'rollback' }).catch(() => {}); // the connection is gone, and its transaction with it
      }
    });
  });
}

function asking(connection: Connection): Session['rows'] {
  return async ({ text, values = {} }) => {
    const [found] = await connection.query({ sql: text, values, namedPlaceholders: true } as QueryOptions);
    return Array.isArray(found) ? (found as Record<string, unknown>[]) : [];
  };
}
