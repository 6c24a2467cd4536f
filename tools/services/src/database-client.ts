import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';

/**
 * Asks a database in plain SQL, with `?` for values. What is `bigint` there arrives as text, whichever kind of database it is.
 * @returns the rows; none of a statement that has none
 */
export type Ask = <Row extends object>(sql: string, values?: readonly unknown[]) => Promise<Row[]>;

/** One connection, of whoever looks at a database from outside. */
export interface DatabaseClient {
  readonly kind: 'postgres' | 'mariadb';
  readonly ask: Ask;
  /** Everything that is asked by `look` sees one moment. */
  atOneMoment<T>(look: (ask: Ask) => Promise<T>): Promise<T>;
  end(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;

/** By the scheme of the url. @param name for whoever reads the list of connections */
export function connectDatabase(url: string, name = 'tallystick'): Promise<DatabaseClient> {
  return url.startsWith('postgres') ? connectPostgres(url, name) : connectMariaDb(url, name);
}

/** As many marks as there are values, for `in (…)`; with none it is true of nothing. */
export function marks(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ') || 'null';
}

async function connectPostgres(url: string, name: string): Promise<DatabaseClient> {
  const client = new Client({
    connectionString: url,
    application_name: name,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => {}); // the server may go away; whoever asks is told
  const ask: Ask = async <Row extends object>(sql: string, values: readonly unknown[] = []) =>
    (await client.query<Row>(numbered(sql), [...values])).rows;
  try {
    await client.connect();
  } catch (error) {
    await client.end();
    throw error;
  }
  return {
    kind: 'postgres',
    ask,
    atOneMoment: (look) => between(ask, ['begin isolation level repeatable read read only'], look),
    end: () => client.end(),
  };
}

async function connectMariaDb(url: string, name: string): Promise<DatabaseClient> {
  const connection = await createConnection({
    uri: url,
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectAttributes: { program_name: name },
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    jsonStrings: true,
  });
  connection.on('error', () => {}); // the same
  const ask: Ask = async <Row extends object>(sql: string, values: readonly unknown[] = []) => {
    const [rows] = await connection.query(sql, [...values]);
    return Array.isArray(rows) ? (rows as Row[]) : [];
  };
  const begin = [
    'set transaction isolation level repeatable read',
    'start transaction with consistent snapshot, read only',
  ];
  return {
    kind: 'mariadb',
    ask,
    atOneMoment: (look) => between(ask, begin, look),
    end: () => connection.end(),
  };
}

async function between<T>(ask: Ask, begin: readonly string[], look: (ask: Ask) => Promise<T>): Promise<T> {
  for (const statement of begin) await ask(statement);
  try {
    return await look(ask);
  } finally {
    await ask('rollback');
  }
}

/** `?` as PostgreSQL has it: no text here has one for another reason. */
export function numbered(sql: string): string {
  let count = 0;
  return sql.replaceAll('?', () => `$${++count}`);
}
