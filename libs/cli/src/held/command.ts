import type { ConfirmChannel } from 'amqplib';
import type { Command } from 'commander';
import { type CommonFlags, DONE, FAILED, positive, type Shell } from '../shell';
import { type Held, withHeld } from './queue';

export interface HeldFlags extends CommonFlags {
  readonly amqpUrl?: string;
  readonly limit: number;
  readonly force?: boolean;
  readonly yes?: boolean;
}

/** What is particular about a queue whose copies wait for a person. */
interface Kind<H extends Held> {
  /** Of a service. */
  readonly queue: (service: string) => string;
  /** "Whose …?" */
  readonly name: string;
  /** "1 …", "2 …" */
  readonly one: string;
  readonly many: string;
  readonly read: (held: Held) => H;
  readonly listed: (held: readonly H[]) => string[];
}

type Action = (...given: unknown[]) => Promise<void>;

/** What commands over such a queue share. A look takes copies into the hand and puts them back; nothing else is consumed from. */
export class HeldCommands<H extends Held, F extends HeldFlags = HeldFlags> {
  constructor(
    private readonly group: Command,
    private readonly shell: Shell,
    private readonly kind: Kind<H>,
  ) {}

  of(name: string, says: string): Command {
    return this.group
      .command(name)
      .description(says)
      .option('--amqp-url <url>', 'the broker; or AMQP_URL')
      .option('--limit <n>', 'look at so many, the oldest first', positive, 500)
      .option('--force', 'look also where the broker counts every look, and drops a message at its limit');
  }

  within(work: (held: H[], flags: F, names: string[], channel: ConfirmChannel) => Promise<number>): Action {
    const { attempt, terminal } = this.shell;
    const { name, queue, read } = this.kind;
    return (...given) => {
      const command = given.at(-1) as Command;
      const flags = command.optsWithGlobals<F>();
      return attempt(async () => {
        const url = flags.amqpUrl ?? terminal.env.AMQP_URL;
        if (!url)
          throw new Error('Which broker? Give --amqp-url, or set AMQP_URL, e.g. amqp://user:password@host:5672.');
        const service = flags.service ?? terminal.env.TALLYSTICK_SERVICE;
        if (!service) throw new Error(`Whose ${name}? Give --service, or set TALLYSTICK_SERVICE.`);
        const { limit, force = false } = flags;
        return withHeld(url, queue(service), { limit, force }, (held, channel) =>
          work(held.map(read), flags, command.args, channel),
        );
      });
    };
  }

  /** @throws Error that names what is not there */
  chosen(held: readonly H[], names: readonly string[]): H[] {
    const found = names.map((name) => {
      const all = held.filter(({ id, position }) => id === name || String(position) === name);
      if (all.length === 0)
        throw new Error(
          `There is no ${this.kind.one} "${name}" among the oldest ${held.length}. Write its number in the list, or its id.`,
        );
      return all;
    });
    return [...new Set(found.flat())];
  }

  /** Asks, does it to each, and acknowledges only what it was done to. */
  async each(
    verb: string,
    found: readonly H[],
    { yes, json }: F,
    channel: ConfirmChannel,
    change: (copy: H) => Promise<void>,
  ): Promise<number> {
    const { out, say, confirm } = this.shell.terminal;
    const { one, many, listed } = this.kind;
    const asked = `${verb} ${found.length === 1 ? `1 ${one}` : `${found.length} ${many}`}?`;
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
  }
}

/** Without the broker's own count of looks. */
export function headersOf({ message }: Held): Readonly<Record<string, unknown>> {
  const headers = Object.entries(message.properties.headers ?? {});
  return Object.fromEntries(headers.filter(([name]) => !/^x-(delivery|acquired)-count$/.test(name)));
}

/** Names, and what is known of them, one a line. */
export function factLines(facts: readonly (readonly [string, string | undefined])[]): string[] {
  return facts.flatMap(([name, fact]) => (fact === undefined ? [] : [`${name.padEnd(12)}${fact}`]));
}
