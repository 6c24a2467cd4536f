import { Client } from 'pg';
import { type AskDatabase, CONNECT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from '../engine';

/** Sets nothing on the connection, so that a transaction pooler may stand between. */
export async function readOnly<T>(url: string, purpose: string, work: (ask: AskDatabase) => Promise<T>): Promise<T> {
  return connected(url, purpose, (client) =>
    work(async ({ text, values = [], row }) => {
      await client.query(
        `begin transaction isolation level read committed, read only; set local statement_timeout = ${STATEMENT_TIMEOUT_MS}`,
      );
      try {
        const { rows } = await client.query(text, [...(values as unknown[])]);
        return row ? rows.map(row) : rows;
      } finally {
        await client.query('rollback').catch(() => {}); // the connection is gone, and its transaction with it
      }
    }),
  );
}

/** A connection for this. */
export async function connected<T>(url: string, purpose: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    connectionString: url,
    application_name: `tallystick ${purpose}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => {}); // whoever waits for an answer is told as well
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
