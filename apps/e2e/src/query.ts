import { Client } from 'pg';

/** Asks a database in SQL, on a connection of its own. */
export async function query<Row extends object>(url: string, sql: string, parameters: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: url, application_name: 'test' });
  await client.connect();
  try {
    return (await client.query<Row>(sql, parameters)).rows;
  } finally {
    await client.end();
  }
}

/** For statements that answer with one number, such as `select count(*)::int as count …`. */
export async function count(url: string, sql: string, parameters: unknown[] = []): Promise<number> {
  const [row] = await query<{ count: number }>(url, sql, parameters);
  return row!.count;
}
