import { type Ask, connectDatabase, type DatabaseClient } from '@tallystick/services';

/** Long for any statement here. */
const STATEMENT_TIMEOUT_MS = 2_000;

/** Two connections to a database that may go away and come back: one for what belongs together, and one for what is committed by now. */
export class Look {
  private readonly together: Connection;
  private readonly single: Connection;

  constructor(url: string) {
    this.together = new Connection(url);
    this.single = new Connection(url);
  }

  /** In one read-only transaction, which sees one moment. */
  atOneMoment<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return this.together.use((client) => client.atOneMoment(work));
  }

  /** Outside of any transaction: sees what is committed. */
  readonly now: Ask = (sql, values) => this.single.use((client) => client.ask(sql, values));

  async close(): Promise<void> {
    await Promise.all([this.together.close(), this.single.close()]);
  }
}

/** Is opened when it is needed, and anew after anything has failed. One piece of work at a time. */
class Connection {
  private client: Promise<DatabaseClient> | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly url: string) {}

  use<T>(work: (client: DatabaseClient) => Promise<T>): Promise<T> {
    const mine = this.last.then(() => this.attempt(work));
    this.last = mine.catch(() => {});
    return mine;
  }

  async close(): Promise<void> {
    await this.last;
    await this.forget();
  }

  private async attempt<T>(work: (client: DatabaseClient) => Promise<T>): Promise<T> {
    try {
      return await work(await (this.client ??= bounded(this.url)));
    } catch (error) {
      await this.forget();
      throw error;
    }
  }

  private async forget(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    await client?.then(({ end }) => end()).catch(() => {}); // it is gone already
  }
}

async function bounded(url: string): Promise<DatabaseClient> {
  const client = await connectDatabase(url, 'tallystick-demo');
  await client.ask(
    client.kind === 'postgres'
      ? `set statement_timeout = ${STATEMENT_TIMEOUT_MS}`
      : `set session max_statement_time = ${STATEMENT_TIMEOUT_MS / 1_000}`,
  );
  return client;
}
