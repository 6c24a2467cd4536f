import type { Command } from 'commander';
import { columns } from '../columns';
import { factLines, HeldCommands, type HeldFlags, headersOf } from '../held/command';
import { readOnly } from '../database';
import { DONE, FAILED, type Shell } from '../shell';
import { type Quarantined, quarantined } from './quarantined';
import { originProblem, putBack, sourceProblem } from './replay';

interface Flags extends HeldFlags {
  readonly exchanges: string;
  readonly producer?: string;
  readonly trust?: boolean;
}

export function addQuarantine(program: Command, shell: Shell): void {
  const { out, say } = shell.terminal;
  const quarantine = program
    .command('quarantine')
    .description('what nobody could be told about: look, put back, throw away');
  const commands = new HeldCommands<Quarantined, Flags>(quarantine, shell, {
    queue: (service) => `${service}.quarantine`,
    name: 'quarantine',
    one: 'copy',
    many: 'copies',
    read: quarantined,
    listed,
  });

  commands.of('list', 'what lies there, the oldest first').action(
    commands.within(async (held, { json }) => {
      if (json) out(JSON.stringify(held.map(described)));
      else if (held.length > 0) for (const line of listed(held)) out(line);
      if (held.length === 0) say('The quarantine is empty.');
      return held.length > 0 ? DONE : FAILED;
    }),
  );

  commands
    .of('show', 'one copy, with its body and headers')
    .argument('<which>', 'its number in the list, or the id of the message')
    .action(
      commands.within(async (held, { json }, [which]) => {
        const found = commands.chosen(held, [which!]);
        if (json) out(JSON.stringify(found.map((each) => ({ ...described(each), ...whole(each) }))));
        else for (const each of found) for (const line of shown(each)) out(line);
        return DONE;
      }),
    );

  commands
    .of('replay', 'put copies back where they came from, if their source has recorded just that')
    .argument('<which...>', 'numbers in the list, or ids')
    .option('--producer <url>', 'the database of the source, to compare with')
    .option('--exchanges <prefix>', 'what the names of the exchanges begin with', 'outbox')
    .option('--trust', 'put back what was not compared: its origin is the word of whoever put it there')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      `
Anybody who may write to the exchange of quarantines can put a copy there and
say that it came from anywhere. Where users are checked, connect as the user of
the source, or its consumers put the copy aside again.`,
    )
    .action(
      commands.within(async (held, flags, names, channel) => {
        const found = commands.chosen(held, names);
        const replay = (problem: (copy: Quarantined) => Promise<string | undefined>): Promise<number> =>
          commands.each('Put back', found, flags, channel, async (copy) => {
            const why = originProblem(copy, flags.exchanges) ?? (await problem(copy));
            if (why !== undefined) throw new Error(why);
            await putBack(channel, copy);
          });
        if (flags.trust) return replay(async () => undefined);
        if (!flags.producer)
          throw new Error('Give --producer, the database of the source, to compare with; or --trust.');
        return readOnly(flags.producer, 'quarantine replay', shell.tablesOf(flags), (database) =>
          replay((copy) => sourceProblem(copy, database)),
        );
      }),
    );

  commands
    .of('drop', 'throw copies away')
    .argument('<which...>', 'numbers in the list, or ids')
    .option('--yes', 'do not ask')
    .action(
      commands.within((held, flags, names, channel) =>
        commands.each('Throw away', commands.chosen(held, names), flags, channel, () => Promise.resolve()),
      ),
    );
}

function listed(held: readonly Quarantined[]): string[] {
  const rows = held.map(({ position, id, type, problem }) => [
    String(position),
    id ?? 'no id',
    type ?? 'no type',
    problem ?? 'no problem given',
  ]);
  return columns(['#', 'message', 'type', 'problem'], rows, 160);
}

const described = ({ message: _, ...rest }: Quarantined): object => rest;
const whole = (copy: Quarantined): object => ({
  headers: headersOf(copy),
  source: copy.message.properties.appId as unknown,
  body: copy.message.content.toString('utf8'),
});

function shown(copy: Quarantined): string[] {
  const { content, properties } = copy.message;
  return factLines([
    ['message', copy.id],
    ['type', copy.type],
    ['from', typeof properties.appId === 'string' ? properties.appId : undefined],
    ['problem', copy.problem],
    ['came from', copy.exchange && `${copy.exchange}, ${copy.routingKey}`],
    [
      'put here by',
      typeof properties.userId === 'string' ? `user ${properties.userId}` : 'nobody the broker vouches for',
    ],
    ['headers', JSON.stringify(headersOf(copy))],
    ['body', content.toString('utf8')],
  ]);
}
