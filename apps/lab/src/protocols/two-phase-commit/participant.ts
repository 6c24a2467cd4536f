import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Stoppable } from '../../service/context';
import { endPrepared, prepareTransaction, type Sql } from '../../service/database';
import type { Decision } from './coordinator';

/** After so long without a word from the coordinator a participant asks. */
const PATIENCE_MS = 2_000;
const LOOK_EVERY_MS = 200;

/** One database of the transaction. */
export class Participant {
  /** @param name of this participant: prepared transactions share their names with the whole server */
  constructor(
    private readonly database: Pool,
    private readonly name: string,
  ) {}

  /** The promise: from here on it can commit, come what may, and has no say any more. */
  prepare(transactionId: string, work: (tx: Sql) => Promise<void>): Promise<void> {
    return prepareTransaction(this.database, `${transactionId}:${this.name}`, work);
  }

  /** Can be repeated: what is not prepared has ended already, or never began. */
  async end(transactionId: string, decision: Decision): Promise<void> {
    await endPrepared(this.database, decision, `${transactionId}:${this.name}`);
  }

  /**
   * Looks for promises that were not followed by a word, and asks. While the coordinator cannot be asked, they stay, and so
   * do their locks: nobody else knows.
   * @param patienceMs for those of an earlier life there is no reason to wait
   */
  async recover(ask: (transactionId: string) => Promise<Decision>, patienceMs = PATIENCE_MS): Promise<void> {
    const sql = `select gid from pg_prepared_xacts
      where database = current_database() and gid like $1 and prepared < clock_timestamp() - $2 * interval '1 ms'`;
    const { rows } = await this.database.query<{ gid: string }>(sql, [`%:${this.name}`, patienceMs]);
    for (const { gid } of rows) {
      const transactionId = gid.slice(0, -this.name.length - 1);
      await this.end(transactionId, await ask(transactionId));
    }
  }

  recoverForEver(ask: (transactionId: string) => Promise<Decision>): Stoppable {
    let stopped = false;
    const loop = async (): Promise<void> => {
      while (!stopped) {
        await this.recover(ask).catch(() => undefined); // next time
        await sleep(LOOK_EVERY_MS);
      }
    };
    const ended = loop();
    return {
      stop: () => {
        stopped = true;
        return ended;
      },
    };
  }
}
