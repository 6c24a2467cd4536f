import { type Command, InvalidArgumentError } from 'commander';
import { type CommonFlags, DONE, duration, FAILED, type Shell } from './shell';

interface Flags extends CommonFlags {
  readonly outbox: number;
  readonly inbox: number;
  readonly horizon: number;
  readonly yes?: boolean;
}

const DAY_MS = 86_400_000;

export function addPrune(program: Command, { terminal, attempt, withOutbox }: Shell): void {
  const { out, say, confirm } = terminal;
  program
    .command('prune')
    .description('delete what is final and old, as a relay does every minute; never an open or parked row')
    .addOption(duration('--outbox <duration>', 'messages whose deliveries have all been final for so long', '30d'))
    .addOption(duration('--inbox <duration>', 'inbox rows that are older than this', '30d'))
    .addOption(duration('--horizon <duration>', 'of the services: what is younger is never deleted', '14d'))
    .option('--yes', 'do not ask')
    .action((_: unknown, command: Command) =>
      attempt(async () => {
        const flags = command.optsWithGlobals<Flags>();
        refuseTooShort(flags);
        return withOutbox(flags, async ({ service, prune }) => {
          const asked = `Delete the old rows of ${service}?`;
          if (!flags.yes && !(await confirm(asked))) {
            say(`${asked} Not done: nobody said yes. In a script, give --yes.`);
            return FAILED;
          }
          const pruned = await prune({ outboxMs: flags.outbox, inboxMs: flags.inbox });
          if (flags.json) out(JSON.stringify(pruned));
          else out(`${pruned.messages} messages and ${pruned.inboxRows} inbox rows deleted`);
          return DONE;
        });
      }),
    );
}

/** The inbox must outlive every copy that may still be executed (R9), and a contradiction must find its row. */
function refuseTooShort({ outbox, inbox, horizon }: Flags): void {
  if (outbox >= horizon && inbox >= horizon + DAY_MS) return;
  throw new InvalidArgumentError(
    '--outbox must be at least the horizon, and --inbox a day more: a copy from the past would be executed twice. ' +
      'If the services have a shorter horizon, give it as --horizon.',
  );
}
