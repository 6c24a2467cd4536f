import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '@tallystick/services';
import { Client } from 'pg';
import type { Bystander as Fate } from '../protocols/protocol';

const EVERY_MS = 20;
/** Who waits longer gives up, and tries again. */
const LOCK_TIMEOUT_MS = 150;
/** So many tries in a row tell: three quarters of a second, longer than a busy disk takes to commit. */
const TRIES = 5;

/**
 * Somebody else who wants to buy from the same account, over and over: another process of user-service, with a connection of
 * its own. It writes the row without changing it.
 */
export class Bystander {
  private readonly waits: number[] = [];
  private refusals = 0;
  private since = performance.now();
  private stopping = false;

  private constructor(
    private readonly client: Client,
    private readonly customerId: number,
  ) {}

  static async start(databaseUrl: string, customerId: number): Promise<Bystander> {
    const client = new Client({ connectionString: databaseUrl, application_name: 'bystander' });
    client.on('error', () => {});
    await client.connect();
    await client.query(`set lock_timeout = ${LOCK_TIMEOUT_MS}`);
    const bystander = new Bystander(client, customerId);
    bystander.ended = bystander.run();
    return bystander;
  }

  private ended: Promise<void> = Promise.resolve();

  /** Longest time from the wish to write to the row that was written. */
  get longestWaitMs(): number {
    return Math.max(0, ...this.waits, performance.now() - this.since);
  }

  /** From now on: several writes that succeed, or several in a row that do not? */
  async fate(): Promise<Fate> {
    const { length } = this.waits;
    this.refusals = 0;
    await until(
      'the bystander knows whether it can write',
      () => this.waits.length >= length + TRIES || this.refusals >= TRIES,
      { everyMs: 5 },
    );
    return this.refusals >= TRIES ? 'waits' : 'free';
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.ended;
    await this.client.end();
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      this.since = performance.now();
      while (!(await this.writes()) && !this.stopping);
      this.waits.push(performance.now() - this.since);
      this.since = performance.now() + EVERY_MS;
      await sleep(EVERY_MS);
    }
  }

  private async writes(): Promise<boolean> {
    try {
      await this.client.query('update account set balance = balance where customer_id = $1 -- lab', [this.customerId]);
      this.refusals = 0;
      return true;
    } catch {
      this.refusals += 1;
      return false;
    }
  }
}
