import { InvalidFilterError, openOutbox, type PassiveOutbox } from '@tallystick/outbox';
import { Command, InvalidArgumentError } from 'commander';
import { addAsyncApi } from './asyncapi';
import { engineOf } from './database';
import { audited, listed } from './describe';
import { addDoctor } from './doctor/command';
import { addHalves } from './halves/command';
import { addInbox } from './inbox/command';
import { addJobs } from './jobs';
import { addPause } from './pause';
import { addPrune } from './prune';
import { addQuarantine } from './quarantine/command';
import { addReconcile } from './reconcile/command';
import { type CommonFlags, DONE, FAILED, MISUSED, positive, type Shell } from './shell';
import { addShow } from './show';
import { addStatus } from './status';
import { addSteering } from './steer';
import { COUNTED, countText, filterOf } from './filter';
import { addTail } from './tail';
import type { Terminal } from './terminal';

interface Flags extends CommonFlags {
  readonly limit?: number;
  readonly dryRun?: boolean;
}

const FILTERS = `
Filters: state:parked type:order.* to:order-service key:42 id:… older:10m
         newer:2d reason:OUT_OF_STOCK code:NOBODY_LISTENS
         error:"connection refused" data.sku:ABC
All terms must be true of the same delivery.`;

/** The commands. The result of the last one that ran is the exit code. */
export function program(terminal: Terminal, end: (code: number) => void): Command {
  const { env, out, say } = terminal;

  const tallystick = new Command('tallystick')
    .description('Looks at the messages of a service and steers them. It sends and consumes nothing itself.')
    .option('--database-url <url>', 'the database of the service, postgres://… or mariadb://…; or DATABASE_URL')
    .option('--service <name>', 'whose messages, if several services share the tables; or TALLYSTICK_SERVICE')
    .option('--schema <name>', 'the schema of the tables (MariaDB: the database); or TALLYSTICK_SCHEMA')
    .option('--prefix <text>', 'what the names of the tables begin with; or TALLYSTICK_PREFIX')
    .option('--config <file>', 'what neither flags nor variables say; or TALLYSTICK_CONFIG, or tallystick.json here')
    .option('--json', 'answer in JSON, one value')
    .configureOutput({ writeOut: (text) => out(text.trimEnd()), writeErr: (text) => say(text.trimEnd()) })
    .showHelpAfterError('(add --help for what is possible)')
    .addHelpText('after', `${FILTERS}\n\nExit codes: 0 done · 1 nothing found, refused or failed · 2 not understood`);

  const url = ({ databaseUrl }: CommonFlags): string => {
    const found = databaseUrl ?? env.DATABASE_URL;
    if (found) return found;
    throw new Error(
      'Which database? Give --database-url, or set DATABASE_URL, e.g. postgres://user@localhost:5432/users or mariadb://user@localhost:3306/users.',
    );
  };
  const tablesOf = ({ schema = env.TALLYSTICK_SCHEMA, prefix = env.TALLYSTICK_PREFIX }: CommonFlags) => ({
    ...(schema !== undefined && { schema }),
    ...(prefix !== undefined && { prefix }),
  });

  const withOutbox: Shell['withOutbox'] = async (flags, work) => {
    const service = flags.service ?? env.TALLYSTICK_SERVICE;
    const address = url(flags);
    const outbox = await openOutbox({
      url: address,
      store: engineOf(address).store(),
      tables: tablesOf(flags),
      ...(service !== undefined && { service }),
    });
    try {
      return await work(outbox);
    } finally {
      await outbox.close();
    }
  };
  /** Opens the outbox for one command, and says what goes wrong in a line. */
  const within =
    <Given extends CommonFlags = Flags>(
      work: (outbox: PassiveOutbox, flags: Given, terms: string[]) => Promise<number>,
    ) =>
    async (...given: unknown[]): Promise<void> => {
      const command = given.at(-1) as Command;
      const flags = command.optsWithGlobals<Given>();
      await attempt(() => withOutbox(flags, (outbox) => work(outbox, flags, command.args)));
    };
  const attempt: Shell['attempt'] = async (work, failure = FAILED) => {
    try {
      end(await work());
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
      end(error instanceof InvalidFilterError || error instanceof InvalidArgumentError ? MISUSED : failure);
    }
  };

  const shell: Shell = { terminal, attempt, within, withOutbox, tablesOf, databaseUrl: url };
  addStatus(tallystick, shell);

  tallystick
    .command('list')
    .argument('[filter...]', 'which deliveries')
    .description('deliveries, newest first')
    .option('--limit <n>', 'at most so many', positive, 50)
    .action(
      within(async ({ operations }, { json, limit }, terms) => {
        const found = await operations.find(filterOf(terms), { limit: limit! });
        if (json) out(JSON.stringify(found));
        else for (const line of listed(found)) out(line);
        return found.length > 0 ? DONE : FAILED;
      }),
    );

  tallystick
    .command('count')
    .argument('[filter...]', 'which deliveries')
    .description(`how many there are; from ${COUNTED} on it stops counting`)
    .action(
      within(async ({ operations }, { json }, terms) => {
        const count = await operations.count(filterOf(terms), { cap: COUNTED });
        out(json ? JSON.stringify({ count, orMore: count === COUNTED }) : countText(count));
        return DONE;
      }),
    );

  tallystick
    .command('audit')
    .description('who retried, cancelled or discarded what, newest first')
    .option('--limit <n>', 'at most so many', positive, 50)
    .action(
      within(async ({ operations }, { json, limit }) => {
        const found = await operations.audit({ limit: limit! });
        if (json) out(JSON.stringify(found));
        else for (const line of audited(found)) out(line);
        return DONE;
      }),
    );

  tallystick
    .command('migrate')
    .description('create the tables, or bring them up to date; may be run again')
    .option('--dry-run', 'print the SQL instead')
    .action(async (_: unknown, command: Command) => {
      const flags = command.optsWithGlobals<Flags>();
      await attempt(async () => {
        if (flags.dryRun) {
          const given = flags.databaseUrl ?? env.DATABASE_URL;
          out((await engineOf(given).schemaSql(given, tablesOf(flags))).trimEnd());
        } else {
          await engineOf(url(flags)).migrate(url(flags), tablesOf(flags));
          say('The tables are there.');
        }
        return DONE;
      });
    });

  const others = [
    addShow,
    addSteering,
    addJobs,
    addPause,
    addInbox,
    addQuarantine,
    addHalves,
    addPrune,
    addTail,
    addReconcile,
    addDoctor,
    addAsyncApi,
  ];
  for (const add of others) add(tallystick, shell);
  return tallystick;
}
