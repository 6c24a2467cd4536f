#!/usr/bin/env node
import { inspect } from 'node:util';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Asked, prove, type Part } from './prove';
import type { DatabaseKind } from './rig';
import { replay } from './simulate';
import { describeParts, type ProofSummary } from './summary';

/** Exit codes: 0 everything held · 1 something did not · 130 and 143 somebody stopped it. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Children die with this process, and servers have a guard that ends them and removes what they wrote. */
for (const [name, exitCode] of Object.entries(SIGNALS)) process.once(name, () => process.exit(exitCode));

interface Flags {
  readonly json?: boolean;
  readonly seed?: number;
  readonly seeds?: number;
  readonly messages?: number;
  readonly inLine?: number;
  readonly faults?: number;
  readonly size?: 'small' | 'full';
  readonly accept?: boolean;
  readonly database?: DatabaseKind;
  readonly story?: boolean;
  readonly envelopes?: number | true;
}

/** Takes a quarter of an hour. */
const ENVELOPES = 100_000;
const IN_LINE = 1_000_000;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function report(part: Part | 'all', flags: Flags): Promise<void> {
  const { seed = 1, seeds = 5_000, messages = 20_000, faults = 100, size = 'full', accept = false } = flags;
  const { inLine = IN_LINE, database = 'postgres' } = flags;
  const envelopes = typeof flags.envelopes === 'number' ? flags.envelopes : ENVELOPES;
  const asked: Asked = { seed, seeds, messages, inLine, faults, size, envelopes, accept, database };
  const summary = await prove(part, asked, say);
  for (const line of [...describeParts(summary), ...troubles(summary)]) say(line);
  if (flags.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  process.exitCode = summary.ok ? 0 : 1;
}

/** What happens in one simulated world. */
async function tell(seed: number, world: 'shop' | 'queues'): Promise<void> {
  const log = await replay(seed, world);
  process.stdout.write(log);
  process.exitCode = log.includes('VIOLATION') ? 1 : 0;
}

/** What a person has to look at, in sentences. */
function troubles({
  ok,
  model,
  simulate,
  controls,
  order,
  crash,
  soak,
  clusterCrash,
  cluster,
  soakControls,
  adversary,
  adversaryControls,
  envelopes,
  broken,
}: ProofSummary): string[] {
  if (ok) return ['Everything held.'];
  return [
    'Something did not hold:',
    ...(model?.unexpected ?? []).map((name) => `model: ${name}`),
    ...(simulate?.failures ?? []).map(
      ({ seed, violation }) => `simulate: seed ${seed}: ${violation} (npm run prove -- simulate --seed ${seed})`,
    ),
    ...(controls?.controls ?? [])
      .filter((each) => !each.caughtBy)
      .map(({ rule, without }) => `not caught: ${rule} ${without}`),
    ...(order?.failures ?? []).map(
      ({ seed, violation }) => `order: seed ${seed}: ${violation} (npm run prove -- order --seed ${seed} --story)`,
    ),
    ...(order?.controls ?? [])
      .filter(({ evidence }) => evidence === undefined)
      .map(({ without }) => `not caught: ${without}`),
    ...[...(crash?.failures ?? []), ...(clusterCrash?.failures ?? [])].map(
      ({ point, action, problems }) => `crash: ${point}, ${action}: ${problems.join(' · ')}`,
    ),
    ...(soak?.problems ?? []).map((problem) => `soak: ${problem}`),
    ...(cluster?.problems ?? []).map((problem) => `cluster: ${problem}`),
    ...(soakControls?.controls ?? [])
      .filter(({ caught }) => !caught)
      .map(({ rule, without }) => `not caught by a soak: ${rule} ${without}`),
    ...(adversary?.grown ?? []).map((hole) => `adversary: ${hole}`),
    ...(adversaryControls?.controls ?? [])
      .filter(({ throughWithout }) => throughWithout.length === 0)
      .map(({ check }) => `not missed by any attack: "${check}"`),
    ...(envelopes?.over ?? []).flatMap(({ transport, problems }) =>
      problems.map((problem) => `hostile envelopes over ${transport}: ${problem}`),
    ),
    ...(envelopes?.replies?.problems ?? []).map((problem) => `hostile replies: ${problem}`),
    ...broken.map(({ part, error }) => `${part} came to no result: ${error}`),
  ];
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('Write a whole number.');
  return value;
}

const json = new Option('--json', 'one JSON summary on stdout; progress goes to stderr anyway');
const seed = new Option('--seed <n>', 'what the run follows from').argParser(whole).default(1);
const seeds = new Option('--seeds <n>', 'how many seeds to simulate').argParser(whole).default(5_000);
const inLine = new Option('--in-line <n>', 'messages in order to simulate').argParser(whole).default(IN_LINE);
const messages = new Option('--messages <n>', 'purchases of the soak').argParser(whole).default(20_000);
const faults = new Option('--faults <n>', 'faults of the soak').argParser(whole).default(100);
const size = new Option('--size <size>', 'of the model').choices(['small', 'full']).default('full');

const database = new Option('--database <kind>', 'where both services keep their tables')
  .choices(['postgres', 'mariadb'])
  .default('postgres');

const program = new Command('npm run prove --')
  .description('The evidence behind the promise. Ends with 0 only if everything held.')
  .showHelpAfterError();

program
  .command('model')
  .description(
    'explore the protocol exhaustively, with all rules and without each; the full size rewrites docs/protocol.md and docs/protocol-traces.md',
  )
  .addOption(size)
  .addOption(json)
  .action((flags: Flags) => report('model', flags));

program
  .command('simulate')
  .description(
    'run the library in simulated worlds, one per seed, and builds that lack a rule; --seed tells the story of one',
  )
  .addOption(new Option('--seed <n>', 'replay this seed and print its log').argParser(whole))
  .addOption(seeds)
  .addOption(json)
  .action(async (flags: Flags) => {
    if (flags.seed === undefined) return report('simulate', flags);
    return tell(flags.seed, 'shop');
  });

program
  .command('order')
  .description('simulate long queues in order at four relays, with every fault, and builds that keep no order')
  .addOption(inLine)
  .addOption(seed)
  .option('--story', 'print what happens in the one world of this seed')
  .addOption(json)
  .action((flags: Flags) => (flags.story ? tell(flags.seed!, 'queues') : report('order', flags)));

program
  .command('crash')
  .description('kill, pause and cut off real processes at every step of a message')
  .addOption(database)
  .addOption(seed)
  .addOption(json)
  .action((flags: Flags) => report('crash', flags));

program
  .command('soak')
  .description('many purchases and many faults at the same time; then both databases are asked')
  .addOption(database)
  .addOption(messages)
  .addOption(faults)
  .addOption(seed)
  .addOption(json)
  .action((flags: Flags) => report('soak', flags));

program
  .command('cluster')
  .description(
    'crash points and the soak against three brokers, one of which is killed, stopped or cut off; a quarter of the faults',
  )
  .addOption(messages)
  .addOption(faults)
  .addOption(seed)
  .addOption(json)
  .action((flags: Flags) => report('cluster', flags));

program
  .command('soak-controls')
  .description('small soaks of systems that lack a rule, which must be caught')
  .addOption(database)
  .addOption(seed)
  .addOption(json)
  .action((flags: Flags) => report('soak-controls', flags));

program
  .command('adversary')
  .description('users of the broker attack other people’s purchases, with each defence off and on')
  .option('--accept', 'commit what they achieved, and write the table of SECURITY.md')
  .addOption(
    new Option('--envelopes [n]', `instead: so many hostile envelopes, over both transports (${ENVELOPES})`).argParser(
      whole,
    ),
  )
  .addOption(seed)
  .addOption(json)
  .action((flags: Flags) => report(flags.envelopes === undefined ? 'adversary' : 'envelopes', flags));

program
  .command('adversary-controls')
  .description('services that lack one check each, where an attack must succeed')
  .addOption(json)
  .action((flags: Flags) => report('adversary-controls', flags));

program
  .command('all')
  .description('all of it, with the full sizes; writes the figures into docs/guarantees.md')
  .addOption(messages)
  .addOption(faults)
  .addOption(inLine)
  .addOption(seeds)
  .addOption(size)
  .addOption(seed)
  .addOption(json)
  .action((flags: Flags) => report('all', flags));

program.parseAsync().then(
  () => process.exit(),
  (error: unknown) => {
    say(inspect(error));
    process.exit(1);
  },
);
