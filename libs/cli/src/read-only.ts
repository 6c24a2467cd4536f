import { Client } from 'pg';

/** Asks a database, and can change nothing in it. */
export interface ReadOnlyDatabase {
  /** One statement in a transaction of its own, so that it holds back no vacuum for longer than it takes. */
  rows<T extends object>(text: string, values?: readonly unknown[]): Promise<T[]>;
}

/** Long for any statement of ours; what takes longer would be in the way of the service. */
const STATEMENT_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** Sets nothing on the connection, so that a transaction pooler may stand between. */
export async function readOnly<T>(
  url: string,
  purpose: string,
  work: (database: ReadOnlyDatabase) => Promise<T>,
): Promise<T> {
  const client = new Client({
    connectionString: url,
    application_name: `tallystick ${purpose}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => {}); // whoever waits for an answer is told as well
  await client.connect();
  try {
    return await work({
      rows: async <Row extends object>(text: string, values: readonly unknown[] = []) => {
        await client.query(
          `begin transaction isolation level read committed, read only; set local statement_timeout = ${STATEMENT_TIMEOUT_MS}`,
        );
        try {
          return (await client.query<Row>(text, [...values])).rows;
        } finally {
          await client.query('rollback').catch(() => {}); // the connection is gone, and its transaction with it
        }
      },
    });
  } finally {
    await client.end();
  }
}
