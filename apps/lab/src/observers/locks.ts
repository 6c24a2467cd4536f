import { Client } from 'pg';

/**
 * Asks again and again whether anybody holds the account table for writing; a prepared transaction holds it, too. With one
 * purchase at a time the share of yeses, times the time, is how long each purchase kept the row from everybody else.
 */
export class LockSampler {
  private looks = 0;
  private held = 0;
  private readonly began = performance.now();
  private stopping = false;
  private readonly ended: Promise<void>;

  private constructor(private readonly client: Client) {
    this.ended = this.run();
    this.ended.catch(() => {}); // told by `stop`, if anybody asks
  }

  static async start(databaseUrl: string): Promise<LockSampler> {
    const client = new Client({ connectionString: databaseUrl, application_name: 'lab' });
    client.on('error', () => {}); // its database is dropped when somebody presses Ctrl-C; the query says so
    await client.connect();
    return new LockSampler(client);
  }

  /** @returns how long it was held, in all */
  async stop(): Promise<number> {
    const tookMs = performance.now() - this.began;
    this.stopping = true;
    await this.ended;
    await this.client.end();
    return (tookMs * this.held) / this.looks;
  }

  private async run(): Promise<void> {
    const sql = `select exists (select from pg_locks
      where relation = 'account'::regclass and mode = 'RowExclusiveLock' and granted) as held -- lab`;
    while (!this.stopping) {
      const { rows } = await this.client.query<{ held: boolean }>(sql);
      this.looks += 1;
      if (rows[0]!.held) this.held += 1;
    }
  }
}
