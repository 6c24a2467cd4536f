import type { Pool, PoolClient, QueryResult } from 'pg';

/** All that the business needs to know of a transaction. */
export interface Sql {
  query(text: string, values?: unknown[]): Promise<Pick<QueryResult, 'rowCount' | 'rows'>>;
}

/** Commits what `work` did, or nothing of it. */
export function transaction<T>(pool: Pool, work: (tx: Sql) => Promise<T>): Promise<T> {
  return ended(pool, 'commit', work);
}

/** Shorter than a caller waits. And nobody detects a deadlock across two databases: only this ends it. */
const LOCK_TIMEOUT_MS = 800;

/**
 * The first phase of two-phase commit: what `work` did is kept, with its locks, even through a crash of the server, until
 * `commit prepared` or `rollback prepared`, on any connection.
 * @param name the same in the whole server: nobody else may use it
 */
export async function prepareTransaction(pool: Pool, name: string, work: (tx: Sql) => Promise<void>): Promise<void> {
  await ended(pool, `prepare transaction ${literal(name)}`, async (tx) => {
    await tx.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await work(tx);
  });
}

/** @returns false if there is no such transaction (any more) */
export async function endPrepared(pool: Pool, how: 'commit' | 'rollback', name: string): Promise<boolean> {
  try {
    await pool.query(`${how} prepared ${literal(name)}`);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === '42704') return false; // does not exist
    throw error;
  }
}

async function ended<T>(pool: Pool, end: string, work: (tx: Sql) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query(end);
    client.release();
    return result;
  } catch (error) {
    await rolledBack(client);
    throw error;
  }
}

async function rolledBack(client: PoolClient): Promise<void> {
  await client.query('rollback').then(
    () => client.release(),
    (broken: Error) => client.release(broken),
  );
}

function literal(name: string): string {
  if (!/^[\w:-]{1,190}$/.test(name)) throw new Error(`${name} cannot name a prepared transaction.`);
  return `'${name}'`;
}
