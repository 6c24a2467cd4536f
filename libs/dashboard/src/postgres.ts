import { createRequire } from 'node:module';
import { outboxTables, type TableOptions } from '@tallystick/outbox';
import type { DataSource } from 'typeorm';
import { CONNECT_TIMEOUT_MS, type Looks, type Rows, STATEMENT_TIMEOUT_MS } from './looks';
import type { InboxRow, Sample } from './page';
import { dashboardSql } from './statements';

/** Sent at once: what is asked once a second should cost one question, not five. */
const BEGIN = `start transaction isolation level read committed read only; set local statement_timeout = ${STATEMENT_TIMEOUT_MS}`;

export function looksOfPostgres(rows: Rows, options: TableOptions): Looks {
  const sql = dashboardSql(outboxTables(options));
  return {
    sample: async (source) => (await rows<Sample>(sql.sample, [source]))[0]!,
    words: async (source) => (await rows<{ types: string[]; consumers: string[] }>(sql.words, [source]))[0]!,
    message: async (id) =>
      (await rows<{ payload: string; headers: Record<string, string> | null }>(sql.message, [id]))[0],
    caused: (id, source) => rows(sql.caused, [id, source]),
    followUps: (source) => rows(sql.followUps, [source]),
    handlers: (consumer) => rows(sql.handlers, [consumer]),
    inboxOf: (id) => rows<InboxRow>(sql.inboxOf, [id]),
    inbox: (verdict, before) => rows<InboxRow>(sql.inbox, [verdict, before]),
  };
}

/** Each question is a transaction of its own, in which nothing can be changed. */
export function rowsOfPostgres(dataSource: DataSource): Rows {
  return async <T extends object>(text: string, values: readonly unknown[] = []) => {
    const runner = dataSource.createQueryRunner();
    let begun = false;
    try {
      await runner.query(BEGIN);
      begun = true;
      return (await runner.query(text, [...values])) as T[];
    } finally {
      if (begun) await runner.query('rollback').catch(() => {}); // the connection is gone
      await runner.release();
    }
  };
}

/** Over a connection of its own, that ends with the work. */
export async function elsewhereInPostgres<T>(url: string, work: (rows: Rows) => Promise<T>): Promise<T> {
  const { Client } = createRequire(__filename)('pg') as typeof import('pg');
  const client = new Client({
    connectionString: url,
    application_name: 'tallystick dashboard',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => {}); // whoever waits for an answer is told as well
  await client.connect();
  try {
    await client.query(BEGIN);
    return await work(
      async <R extends object>(text: string, values: readonly unknown[] = []) =>
        (await client.query<R>(text, [...values])).rows,
    );
  } finally {
    await client.end(); // and its transaction with it
  }
}
