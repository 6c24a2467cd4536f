import { outboxTables } from '@tallystick/outbox';
import type { ConfirmChannel } from 'amqplib';
import type { Command } from 'commander';
import { columns } from '../columns';
import { readOnly } from '../read-only';
import { type CommonFlags, DONE, FAILED, positive, type Shell } from '../shell';
import { type Quarantined, withQuarantine } from './queue';
import { originProblem, putBack, sourceProblem } from './replay';

interface Flags extends CommonFlags {
  readonly amqpUrl?: string;
  readonly exchanges: string;
  readonly limit: number;
  readonly force?: boolean;
  readonly yes?: boolean;
  readonly producer?: string;
  readonly trust?: boolean;
}

/** A look takes copies into the hand and puts them back. Nothing else is ever consumed from. */
export function addQuarantine(program: Command, { terminal, attempt, tablesOf }: Shell): void {
  const { env, out, say, confirm } = terminal;
  const quarantine = program
    .command('quarantine')
    .description('what nobody could be told about: look, put back, throw away');

  const within =
    (work: (held: Quarantined[], flags: Flags, names: string[], channel: ConfirmChannel) => Promise<number>) =>
    (...given: unknown[]): Promise<void> => {
      const command = given.at(-1) as Command;
      const flags = command.optsWithGlobals<Flags>();
      return attempt(async () => {
        const url = flags.amqpUrl ?? env.AMQP_URL;
        if (!url)
          throw new Error('Which broker? Give --amqp-url, or set AMQP_URL, e.g. amqp://user:password@host:5672.');
        const service = flags.service ?? env.TALLYSTICK_SERVICE;
        if (!service) throw new Error('Whose quarantine? Give --service, or set TALLYSTICK_SERVICE.');
        const { limit, force = false } = flags;
        return withQuarantine(url, `${service}.quarantine`, { limit, force }, (held, channel) =>
          work(held, flags, command.args, channel),
        );
      });
    };
  const of = (name: string, says: string): Command =>
    quarantine
      .command(name)
      .description(says)
      .option('--amqp-url <url>', 'the broker; or AMQP_URL')
      .option('--limit <n>', 'look at so many, the oldest first', positive, 500)
      .option('--force', 'look also where the broker counts every look, and drops a message at its limit');

  of('list', 'what lies there, the oldest first').action(
    within(async (held, { json }) => {
      if (json) out(JSON.stringify(held.map(described)));
      else if (held.length > 0) for (const line of listed(held)) out(line);
      if (held.length === 0) say('The quarantine is empty.');
      return held.length > 0 ? DONE : FAILED;
    }),
  );

  of('show', 'one copy, with its body and headers')
    .argument('<which>', 'its number in the list, or the id of the message')
    .action(
      within(async (held, { json }, [which]) => {
        const found = chosen(held, [which!]);
        if (json) out(JSON.stringify(found.map((each) => ({ ...described(each), ...whole(each) }))));
        else for (const each of found) for (const line of shown(each)) out(line);
        return DONE;
      }),
    );

  /** Asks, does it to each, and acknowledges only what it was done to. */
  const settle = async (
    verb: string,
    found: readonly Quarantined[],
    { yes, json }: Flags,
    channel: ConfirmChannel,
    change: (copy: Quarantined) => Promise<void>,
  ): Promise<number> => {
    const asked = `${verb} ${found.length === 1 ? '1 copy' : `${found.length} copies`}?`;
    for (const line of listed(found)) say(line);
    if (!yes && !(await confirm(asked))) {
      say(`${asked} Not done: nobody said yes. In a script, give --yes.`);
      return FAILED;
    }
    const refused: { position: number; id: string | undefined; why: string }[] = [];
    for (const copy of found) {
      try {
        await change(copy);
        channel.ack(copy.message);
      } catch (error) {
        refused.push({ position: copy.position, id: copy.id, why: (error as Error).message });
      }
    }
    const changed = found.length - refused.length;
    out(json ? JSON.stringify({ changed, refused }) : `${changed} changed, ${refused.length} refused`);
    for (const { position, id, why } of refused) say(`${position} (${id ?? 'no id'}): ${why}`);
    return refused.length === 0 ? DONE : FAILED;
  };

  of('replay', 'put copies back where they came from, if their source has recorded just that')
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
the source, or its receivers put the copy aside again.`,
    )
    .action(
      within(async (held, flags, names, channel) => {
        const found = chosen(held, names);
        const replay = (problem: (copy: Quarantined) => Promise<string | undefined>): Promise<number> =>
          settle('Put back', found, flags, channel, async (copy) => {
            const why = originProblem(copy, flags.exchanges) ?? (await problem(copy));
            if (why !== undefined) throw new Error(why);
            await putBack(channel, copy);
          });
        if (flags.trust) return replay(async () => undefined);
        if (!flags.producer)
          throw new Error('Give --producer, the database of the source, to compare with; or --trust.');
        const tables = outboxTables(tablesOf(flags));
        return readOnly(flags.producer, 'quarantine replay', (database) =>
          replay((copy) => sourceProblem(copy, database, tables)),
        );
      }),
    );

  of('drop', 'throw copies away')
    .argument('<which...>', 'numbers in the list, or ids')
    .option('--yes', 'do not ask')
    .action(
      within((held, flags, names, channel) =>
        settle('Throw away', chosen(held, names), flags, channel, () => Promise.resolve()),
      ),
    );
}

/** @throws Error that names what is not there */
function chosen(held: readonly Quarantined[], names: readonly string[]): Quarantined[] {
  const found = names.map((name) => {
    const all = held.filter(({ id, position }) => id === name || String(position) === name);
    if (all.length === 0)
      throw new Error(
        `There is no copy "${name}" among the oldest ${held.length}. Write its number in the list, or its id.`,
      );
    return all;
  });
  return [...new Set(found.flat())];
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

/** Without the broker's own count of looks. */
function headersOf({ message }: Quarantined): object {
  const headers = Object.entries(message.properties.headers ?? {});
  return Object.fromEntries(headers.filter(([name]) => !/^x-(delivery|acquired)-count$/.test(name)));
}

const described = ({ message: _, ...rest }: Quarantined): object => rest;
const whole = (copy: Quarantined): object => ({
  headers: headersOf(copy),
  source: copy.message.properties.appId as unknown,
  body: copy.message.content.toString('utf8'),
});

function shown(copy: Quarantined): string[] {
  const { content, properties } = copy.message;
  const facts: [string, string | undefined][] = [
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
  ];
  return facts.flatMap(([name, fact]) => (fact === undefined ? [] : [`${name.padEnd(12)}${fact}`]));
}
