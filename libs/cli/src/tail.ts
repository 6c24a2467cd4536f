import { setTimeout as wait } from 'node:timers/promises';
import { outboxTables, type OutboxTables } from '@tallystick/outbox';
import type { Command } from 'commander';
import { readOnly } from './read-only';
import { type CommonFlags, DONE, duration, type Shell } from './shell';

interface Flags extends CommonFlags {
  readonly every: number;
}

export interface Seen {
  readonly id: string;
  readonly consumer: string;
  readonly type: string;
  readonly service: string;
  readonly state: string;
  readonly attempts: number;
  readonly error: string | null;
}

const LOOKED_AT = 500;
const REMEMBERED = 20_000;

export function addTail(program: Command, { terminal, attempt, tablesOf, databaseUrl }: Shell): void {
  const { env, out, say, stop } = terminal;
  program
    .command('tail')
    .description('what happens, as it happens: new deliveries, and what changes about those there are')
    .addOption(duration('--every <duration>', 'how often to look', '1s'))
    .addHelpText('after', '\nEnds with Ctrl-C. Of what happens between two looks the last is shown.')
    .action((_: unknown, command: Command) =>
      attempt(() => {
        const flags = command.optsWithGlobals<Flags>();
        return readOnly(databaseUrl(flags), 'tail', async (database) => {
          const sql = lookSql(outboxTables(tablesOf(flags)));
          const service = flags.service ?? env.TALLYSTICK_SERVICE ?? null;
          const changes = new Changes();
          let since = '-infinity';
          for (let first = true; !stop.aborted; first = false) {
            const [clock] = await database.rows<{ now: string }>('select clock_timestamp()::text as now');
            const found = await database.rows<Seen>(sql, [service, since, LOOKED_AT]);
            since = clock!.now;
            const changed = changes.among(found);
            if (first) say(`${changed.length} deliveries are there; Ctrl-C ends this.`);
            else for (const each of changed) out(flags.json ? JSON.stringify(each) : line(each));
            await wait(flags.every, undefined, { signal: stop }).catch(() => {}); // somebody wants to stop
          }
          return DONE;
        });
      }),
    );
}

/**
 * The newest, what is open and due first, what is parked, and what was settled since the last look: each along an index, and
 * each only so many. In a busier service some is missed, and shown with the next change.
 */
function lookSql(t: OutboxTables): string {
  return `
with found as (
  (select message_id, consumer from ${t.delivery} order by message_id desc, consumer desc limit $3)
  union
  (select message_id, consumer from ${t.delivery} where next_at is not null order by next_at limit $3)
  union
  (select message_id, consumer from ${t.delivery} where state = 'parked' order by message_id desc, consumer desc limit $3)
  union
  (select message_id, consumer from ${t.delivery} where settled_at >= $2::timestamptz - interval '1 s' order by settled_at desc limit $3)
)
select d.message_id as id, d.consumer, m.type, m.aggregatetype as service, d.state, d.attempts, d.last_error as error
from found
join ${t.delivery} d on d.message_id = found.message_id and d.consumer = found.consumer
join ${t.message} m on m.id = d.message_id
where $1::text is null or m.aggregatetype = $1
order by d.message_id, d.consumer`;
}

/** What is new or different since it was last seen. Forgets what has not been seen for longest. */
export class Changes {
  private readonly seen = new Map<string, string>();

  among(found: readonly Seen[]): Seen[] {
    const changed = found.filter((each) => {
      const key = `${each.id} ${each.consumer}`;
      const now = `${each.state} ${each.attempts} ${each.error ?? ''}`;
      const before = this.seen.get(key);
      this.seen.delete(key); // so that it is remembered as the latest
      this.seen.set(key, now);
      return before !== now;
    });
    for (const key of this.seen.keys()) {
      if (this.seen.size <= REMEMBERED) break;
      this.seen.delete(key);
    }
    return changed;
  }
}

function line({ id, consumer, type, state, attempts, error }: Seen): string {
  const tried = state === 'pending' || state === 'sent' ? ` (try ${attempts})` : '';
  const text = `${id}  ${type} → ${consumer}  ${state}${tried}${error ? `  ${error}` : ''}`;
  return text.length <= 160 ? text : `${text.slice(0, 159)}…`;
}
