import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { readOnly } from './database';
import type { Seen } from './database/questions';
import { type CommonFlags, DONE, duration, type Shell } from './shell';

interface Flags extends CommonFlags {
  readonly every: number;
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
        return readOnly(databaseUrl(flags), 'tail', tablesOf(flags), async ({ ask, questions }) => {
          const service = flags.service ?? env.TALLYSTICK_SERVICE;
          const changes = new Changes();
          let since: string | undefined;
          for (let first = true; !stop.aborted; first = false) {
            // The newest, what is open and due first, what is parked, and what was settled since the last look. In a busier service
            // some is missed, and shown with the next change.
            const [clock] = await ask(questions.clock({ sinceMs: 0, graceMs: 0 }));
            const known = (await ask(questions.producer.names())).map(({ name }) => name);
            const found = await ask(questions.latest({ service, known, since, limit: LOOKED_AT }));
            since = clock!.at;
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
