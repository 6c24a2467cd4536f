import { createRequire } from 'node:module';
import type { DataSource } from 'typeorm';
import { CONNECT_TIMEOUT_MS, type Rows } from './looks';

/** A single `select` is one moment and changes nothing: it needs no transaction. How long it may take stands in its text. */
export function rowsOfMariaDb(dataSource: DataSource): Rows {
  return async <T extends object>(text: string, values: readonly unknown[] = []) =>
    (await dataSource.query(text, [...values])) as T[];
}

/** Over a connection of its own, that ends with the work. */
export async function elsewhereInMariaDb<T>(url: string, work: (rows: Rows) => Promise<T>): Promise<T> {
  const { createConnection } = createRequire(__filename)('mysql2/promise') as typeof import('mysql2/promise');
  const connection = await createConnection({
    uri: url,
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectAttributes: { program_name: 'tallystick dashboard' },
  });
  connection.on('error', () => {}); // whoever waits for an answer is told as well
  try {
    await connection.query('set session transaction read only');
    return await work(async <R extends object>(text: string, values: readonly unknown[] = []) => {
      const [rows] = await connection.query(text, [...values]);
      return rows as R[];
    });
  } finally {
    await connection.end().catch(() => {}); // it is gone already
  }
}
