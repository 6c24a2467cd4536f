import type { Command } from 'commander';
import { columns } from '../columns';
import { factLines, HeldCommands, type HeldFlags } from '../held/command';
import { DONE, FAILED, type Shell } from '../shell';
import { askAgain, type Half, half, parkedQueue, retryProblem } from './half';

interface Flags extends HeldFlags {
  readonly evenOld?: boolean;
}

export function addHalves(program: Command, shell: Shell): void {
  const { env, out, say } = shell.terminal;
  const halves = program
    .command('halves')
    .description('half messages that are parked: look, let them be asked about again, throw away');
  const commands = new HeldCommands<Half, Flags>(halves, shell, {
    queue: parkedQueue,
    name: 'half messages',
    one: 'half message',
    many: 'half messages',
    read: half,
    listed,
  });

  commands.of('list', 'what is parked, the oldest first').action(
    commands.within(async (held, { json }) => {
      if (json) out(JSON.stringify(held.map(described)));
      else if (held.length > 0) for (const line of listed(held)) out(line);
      if (held.length === 0) say('No half message is parked.');
      return held.length > 0 ? DONE : FAILED;
    }),
  );

  commands
    .of('show', 'one of them, with its payload')
    .argument('<which>', 'its number in the list, or its id')
    .action(
      commands.within(async (held, { json }, [which]) => {
        const found = commands.chosen(held, [which!]);
        if (json) out(JSON.stringify(found.map((each) => ({ ...described(each), body: bodyOf(each) }))));
        else for (const each of found) for (const line of shown(each)) out(line);
        return DONE;
      }),
    );

  commands
    .of('retry', 'let the service be asked about them again, at once and as if they were new')
    .argument('<which...>', 'numbers in the list, or ids')
    .option('--even-old', 'also those that are older than maxAge: nobody may remember whether they were shown')
    .option('--yes', 'do not ask')
    .action(
      commands.within((held, flags, names, channel) =>
        commands.each('Ask again about', commands.chosen(held, names), flags, channel, async (each) => {
          const why = retryProblem(each, flags.evenOld ?? false);
          if (why !== undefined) throw new Error(why);
          await askAgain(channel, (flags.service ?? env.TALLYSTICK_SERVICE)!, each);
        }),
      ),
    );

  commands
    .of('drop', 'throw them away, whatever their work did')
    .argument('<which...>', 'numbers in the list, or ids')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      `
If the work of one was committed, its message is lost with it. Look at what
keeps the effect first: by its id, and by what it says.`,
    )
    .action(
      commands.within((held, flags, names, channel) =>
        commands.each('Throw away', commands.chosen(held, names), flags, channel, () => Promise.resolve()),
      ),
    );
}

function listed(held: readonly Half[]): string[] {
  const rows = held.map((each) => [
    String(each.position),
    each.id ?? 'no id',
    each.type ?? 'no type',
    whyOf(each),
    each.checks === undefined ? '–' : String(each.checks + 1),
    ageOf(each) ?? '–',
  ]);
  return columns(['#', 'half message', 'type', 'parked because', 'asked', 'age'], rows, 160);
}

function shown(each: Half): string[] {
  return factLines([
    ['message', each.id],
    ['type', each.type],
    ['parked', whyOf(each)],
    ['asked', each.checks === undefined ? undefined : `${each.checks + 1} times`],
    ['stored', each.born === undefined ? undefined : new Date(each.born).toISOString()],
    ['payload', bodyOf(each)],
  ]);
}

const whyOf = ({ code }: Half): string => code ?? 'the broker put it there';
const bodyOf = ({ message }: Half): string => message.content.toString('utf8');
const described = ({ message: _, ...rest }: Half): object => rest;

function ageOf({ born }: Half): string | undefined {
  return born === undefined ? undefined : `${((Date.now() - born) / 1_000).toFixed(0)} s`;
}
