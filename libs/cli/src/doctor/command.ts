import { connect } from 'amqplib';
import type { Command } from 'commander';
import { wrapped } from '../columns';
import { checkNames, engineOf, readOnly } from '../database';
import { type CommonFlags, DONE, duration, FAILED, MISUSED, type Shell } from '../shell';
import { BROKER_CHECKS } from './broker-checks';
import type { BrokerContext } from './broker-context';
import { examine, type NamedFinding } from './check';
import { CLOCK_CHECKS } from './clock-check';
import type { DatabaseContext } from './database-context';
import { Management } from './management';
import { MESSAGE_CHECKS } from './message-checks';
import { QUEUE_CHECKS } from './queue-checks';

interface Flags extends CommonFlags {
  readonly amqpUrl?: string;
  readonly managementUrl?: string;
  readonly exchanges: string;
  readonly skew: number;
  readonly old: number;
  readonly due: number;
  readonly ignore: readonly string[];
}

const CHECKS = [
  ...checkNames(),
  ...[CLOCK_CHECKS, MESSAGE_CHECKS, BROKER_CHECKS, QUEUE_CHECKS].flat().map(({ name }) => name),
];
const BROKER_TIMEOUT_MS = 10_000;

export function addDoctor(program: Command, { terminal, attempt, tablesOf, databaseUrl }: Shell): void {
  const { env, out } = terminal;

  const examineDatabase = (url: string, flags: Flags, more: (context: DatabaseContext) => Promise<NamedFinding[]>) => {
    const options = tablesOf(flags);
    return readOnly(url, 'doctor', options, async ({ ask, questions }) => {
      const context: DatabaseContext = {
        ...{ ask, questions, url, options },
        now: () => Date.now(),
        ...{ skewMs: flags.skew, oldMs: flags.old, dueMs: flags.due },
      };
      const found = await examine([...CLOCK_CHECKS, ...engineOf(url).checks], context, flags.ignore);
      const [tables] = await ask(questions.there());
      if (!tables!.there) return found; // the rest asks the tables
      found.push(...(await examine(MESSAGE_CHECKS, context, flags.ignore)));
      return [...found, ...(await more(context))];
    });
  };

  const examineBroker = async (url: string, flags: Flags, database: BrokerContext['database']) => {
    const connection = await connect(url, { timeout: BROKER_TIMEOUT_MS });
    connection.on('error', () => {});
    try {
      const managementUrl = flags.managementUrl ?? env.TALLYSTICK_MANAGEMENT_URL;
      const management = managementUrl ? new Management(managementUrl, url) : undefined;
      const context: BrokerContext = { connection, management, prefix: flags.exchanges, database };
      return await examine([...BROKER_CHECKS, ...QUEUE_CHECKS], context, flags.ignore);
    } finally {
      await connection.close().catch(() => {});
    }
  };

  program
    .command('doctor')
    .description('all that is wrong with a database, and with the broker, and what to do about it')
    .option('--amqp-url <url>', 'look at the broker as well; or AMQP_URL')
    .option('--management-url <url>', "the broker's management API; or TALLYSTICK_MANAGEMENT_URL")
    .option('--exchanges <prefix>', 'what the names of the exchanges begin with', 'outbox')
    .addOption(duration('--skew <duration>', 'how far the clock of this host may be off', '10s'))
    .addOption(duration('--old <duration>', 'how long a transaction may be open', '5m'))
    .addOption(duration('--due <duration>', 'how long a row may wait for a relay', '1m'))
    .option('--ignore <check>', 'leave a check out; may be given again', (name, all: string[]) => [...all, name], [])
    .addHelpText('after', `\n${wrapped(`Checks: ${CHECKS.join(' · ')}`).join('\n')}`)
    .addHelpText('after', '\nExit codes: 0 nothing is wrong · 1 something is · 2 not understood or failed')
    .action((_: unknown, command: Command) =>
      attempt(async () => {
        const flags = command.optsWithGlobals<Flags>();
        const stranger = flags.ignore.find((name) => !CHECKS.includes(name));
        if (stranger) throw new Error(`There is no check "${stranger}". There are ${CHECKS.join(', ')}.`);
        const amqpUrl = flags.amqpUrl ?? env.AMQP_URL;
        const found = await examineDatabase(databaseUrl(flags), flags, async (context) =>
          amqpUrl ? examineBroker(amqpUrl, flags, context) : [],
        );
        if (flags.json) out(JSON.stringify(found));
        else for (const line of lines(found, amqpUrl !== undefined)) out(line);
        return found.some(({ level }) => level === 'wrong') ? FAILED : DONE;
      }, MISUSED),
    );
}

const RANK = { wrong: 0, unknown: 1, note: 2 } as const;

function lines(found: readonly NamedFinding[], withBroker: boolean): string[] {
  const sorted = [...found].sort((one, other) => RANK[one.level] - RANK[other.level]);
  const count = found.filter(({ level }) => level === 'wrong').length;
  return [
    ...sorted.flatMap(({ level, check, what, todo }) => [
      `${level.toUpperCase()} ${check}`,
      ...wrapped(what, '  '),
      ...wrapped(`→ ${todo}`, '  '),
      '',
    ]),
    count === 0 ? 'Nothing is wrong.' : `${count} ${count === 1 ? 'thing is' : 'things are'} wrong.`,
    ...(withBroker ? [] : ['The broker was not looked at: give --amqp-url, or set AMQP_URL.']),
  ];
}
