import { Client } from 'pg';
import type { DataSource } from 'typeorm';

/** Long for any statement here; what takes longer would be in the way of the service. */
const STATEMENT_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 2_000;
/** Sent at once: what is asked once a second should cost one question, not five. */
const BEGIN = `start transaction isolation level read committed read only; set local statement_timeout = ${STATEMENT_TIMEOUT_MS}`;

export type Rows = <T extends object>(text: string, values?: readonly unknown[]) => Promise<T[]>;

/**
 * Asks the service's own database, and can change nothing in it. One statement at a time, each in a transaction of its own, so
 * that whoever looks around takes one connection of the service's pool at most.
 */
export class Reader {
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly dataSource: DataSource) {}

  readonly rows: Rows = <T extends object>(text: string, values: readonly unknown[] = []): Promise<T[]> => {
    const asked = this.last.then(() => this.ask<T>(text, values));
    this.last = asked.catch(() => {});
    return asked;
  };

  private async ask<T>(text: string, values: readonly unknown[]): Promise<T[]> {
    const runner = this.dataSource.createQueryRunner();
    let begun = false;
    try {
      await runner.query(BEGIN);
      begun = true;
      return (await runner.query(text, [...values])) as T[];
    } finally {
      if (begun) await runner.query('rollback').catch(() => {}); // the connection is gone
      await runner.release();
    }
  }
}

/** Asks another database, over a connection of its own that ends with the question. */
export async function askElsewhere<T extends object>(
  url: string,
  text: string,
  values: readonly unknown[],
): Promise<T[]> {
  const client = new Client({
    connectionString: url,
    application_name: 'tallystick dashboard',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => {}); // whoever waits for an answer is told as well
  await client.connect();
  try {
    await client.query(BEGIN);
    return (await client.query<T>(text, [...values])).rows;
  } finally {
    await client.end(); // and its transaction with it
  }
}
