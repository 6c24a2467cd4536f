import { connectDatabase } from '@tallystick/services';
import type { Rig, RigProcess } from '../rig';
import { execute } from '../rig/tables';

/** A trigger fires before `on conflict do nothing` finds a twin, so this writes down every copy that came as far as the key. */
const ARRIVALS = [
  'create table arrival (message_id uuid not null)',
  `create function note_arrival() returns trigger language plpgsql as $$
  begin
    insert into arrival values (new.message_id);
    return new;
  end $$`,
  'create trigger note_arrival before insert on inbox_message for each row execute function note_arrival()',
];
const SUPPRESSED = 'select (select count(*) from arrival) - (select count(*) from inbox_message) as count';
const PATIENCE_MS = 1_000;

/**
 * Counts the copies that came to the consumers' inbox and were recognised. In PostgreSQL all of them, in the table. In
 * MariaDB a copy finds its row before it would insert one, which leaves no trace that could be seen from outside: there the
 * consumers are asked, at the end and before they are killed, and so it is only those that somebody could still tell of.
 */
export class Copies {
  private told = 0;

  private constructor(
    private readonly rig: Rig,
    private readonly areWritten: boolean,
  ) {}

  /** Before the first message. */
  static async watch(rig: Rig): Promise<Copies> {
    const { consumer } = rig.databaseUrls;
    const areWritten = consumer.startsWith('postgres');
    if (areWritten) await watchArrivals(consumer);
    return new Copies(rig, areWritten);
  }

  /** Of a process that is about to end. */
  async lastWords(process: RigProcess): Promise<void> {
    if (process.side !== 'consumer' || this.areWritten) return;
    const counters = await process
      .send<Record<string, number>>('GET', 'counters', undefined, PATIENCE_MS)
      .catch(() => undefined); // it cannot, in the state it is in
    this.told += counters?.['inbox.replayed'] ?? 0;
  }

  async count(): Promise<number> {
    if (this.areWritten) return countSuppressed(this.rig.databaseUrls.consumer);
    for (const consumer of this.rig.consumers) await this.lastWords(consumer);
    return this.told;
  }
}

export function watchArrivals(consumerUrl: string): Promise<void> {
  return execute(consumerUrl, ARRIVALS);
}

/** What arrived beyond the rows that are there. */
export async function countSuppressed(consumerUrl: string): Promise<number> {
  const client = await connectDatabase(consumerUrl, 'oracles');
  try {
    return Number((await client.ask<{ count: string }>(SUPPRESSED))[0]!.count);
  } finally {
    await client.end();
  }
}
