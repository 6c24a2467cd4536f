import { type OutboxOperations, type Pause, type PauseTarget, pauseText } from '@tallystick/outbox';
import { type Command } from 'commander';
import { actorOf } from './actor';
import { COUNTED, countText } from './filter';
import { type CommonFlags, DONE, type Shell } from './shell';

interface Flags extends CommonFlags {
  readonly to?: string;
  readonly type?: string;
  readonly reason?: string;
  readonly by?: string;
}

export function addPause(program: Command, { terminal, within }: Shell): void {
  const { out } = terminal;
  const steering = (name: string, says: string): Command =>
    program
      .command(name)
      .description(says)
      .option('--to <service>', 'what is for this consumer; * for announcements')
      .option('--type <type>', 'what is of this type')
      .option('--by <name>', 'who, for the audit; or TALLYSTICK_ACTOR; else user@host');

  steering('pause', 'stop sending: to a consumer, of a type, or everything, until resume')
    .requiredOption('--reason <text>', 'why: status shows it')
    .action(
      within<Flags>(async ({ operations }, { reason, by, json, ...flags }) => {
        const target = targetOf(flags);
        const pause = await operations.pause({ ...target, reason: reason!, by: actorOf(terminal, by) });
        const waiting = await waitingFor(operations, target);
        if (json) out(JSON.stringify({ ...pause, waiting }));
        else out(`Paused: ${pauseLine(pause)}\nIt holds back ${countText(waiting)} now.`);
        return DONE;
      }),
    );
  steering('resume', 'send again what exactly this pause has held back')
    .option('--reason <text>', 'why: for the audit')
    .action(
      within<Flags>(async ({ operations }, { reason, by, json, ...flags }) => {
        const asked = { ...(reason !== undefined && { reason }), by: actorOf(terminal, by) };
        const { released } = await operations.resume({ ...targetOf(flags), ...asked });
        out(json ? JSON.stringify({ released }) : `Resumed; ${released} held back until now are due.`);
        return DONE;
      }),
    );
}

/** `to:order-service since 2026-01-01T00:00:00Z by ada: their database moves` */
export function pauseLine({ since, by, reason, ...target }: Pause): string {
  return `${pauseText(target)} since ${since} by ${by}: ${reason}`;
}

function targetOf({ to, type }: Flags): PauseTarget {
  return { ...(to !== undefined && { to }), ...(type !== undefined && { type }) };
}

/** What is on its way to such a consumer: a name that nobody has is seen at once. */
async function waitingFor(operations: OutboxOperations, target: PauseTarget): Promise<number> {
  const counts = (['pending', 'sent'] as const).map((state) =>
    operations.count({ ...target, state }, { cap: COUNTED }),
  );
  const [pending, sent] = await Promise.all(counts);
  return Math.min(COUNTED, pending! + sent!);
}
