#!/usr/bin/env node
import { bringServer, clearServerCache, SERVER_VERSIONS, serverCache } from '@tallystick/services';
import { Command } from 'commander';
import { runJest, type SuiteRun } from './jest-run';
import { describeCounts, keepResults, readResults, type Result, withResult } from './results';
import { type Suite, SUITES } from './suites';

/** Exit codes: 0 all passed · 1 something failed, or a version could not be had · 130 and 143 somebody stopped it. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** Jest ends at Ctrl-C by itself, and its servers have a guard. */
for (const [name, exitCode] of Object.entries(SIGNALS)) process.once(name, () => process.exit(exitCode));

interface Flags {
  readonly only?: string[];
  readonly suite?: string[];
  readonly list?: boolean;
  readonly clean?: boolean;
  readonly env?: string;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const tell = (line: string): void => void process.stdout.write(`${line}\n`);

async function run(flags: Flags): Promise<void> {
  if (flags.list) return list();
  if (flags.clean) return clean();
  if (flags.env !== undefined) return printEnvironment(flags.env);
  const lines: string[] = [];
  for (const asked of flags.only ?? SERVER_VERSIONS) {
    for (const line of await tryVersion(asked, flags.suite)) lines.push(line);
  }
  say('');
  for (const line of lines) tell(line);
}

/** @returns lines for the summary. What fails here is told, and the others are still tried. */
async function tryVersion(asked: string, only: readonly string[] | undefined): Promise<string[]> {
  const lines: string[] = [];
  try {
    const server = await bringServer(asked, say);
    for (const suite of suitesOf(asked, only)) {
      const label = `${server.product} ${server.version}: ${suite.about}`;
      say(`${label} …`);
      const outcome = await runJest(suite, server, say);
      await keep(asked, server, suite, outcome);
      if (outcome.failed > 0) process.exitCode = 1;
      lines.push(
        `${label}: ${describeCounts(outcome)} (${outcome.seconds} s)`,
        ...outcome.failures.map((failure) => `  failed: ${failure}`),
      );
    }
  } catch (error) {
    process.exitCode = 1;
    lines.push(`${asked}: ${(error as Error).message}`);
  }
  return lines;
}

function suitesOf(asked: string, only: readonly string[] | undefined): readonly Suite[] {
  const suites = SUITES[asked.split('@')[0]!]!;
  const chosen = suites.filter(({ name }) => only?.includes(name) ?? true);
  if (chosen.length > 0) return chosen;
  throw new Error(`none of its suites is called so: it has ${suites.map(({ name }) => name).join(', ')}.`);
}

async function keep(
  asked: string,
  server: { readonly product: string; readonly version: string; readonly node?: string },
  suite: Suite,
  { passed, failed, skipped, seconds }: SuiteRun,
): Promise<void> {
  const { product, version } = server;
  const node = server.node ? version : process.versions.node;
  const date = new Date().toISOString().slice(0, 10);
  const result: Result = { asked, product, version, suite: suite.about, passed, failed, skipped, date, node, seconds };
  await keepResults(withResult(await readResults(), result));
}

function list(): void {
  for (const asked of SERVER_VERSIONS) {
    const suites = SUITES[asked.split('@')[0]!]!.map(({ name }) => name);
    tell(`${asked.padEnd(20)} ${suites.join(', ')}`);
  }
}

async function clean(): Promise<void> {
  await clearServerCache();
  tell(`removed ${serverCache()}`);
}

async function printEnvironment(asked: string): Promise<void> {
  for (const [name, value] of Object.entries((await bringServer(asked, say)).env)) tell(`${name}=${value}`);
}

const program = new Command('npm run test:matrix --')
  .description(
    'Runs the tests that depend on a server against named versions of it, which are fetched into a cache and not installed.\n' +
      'Writes what passed into tools/matrix/results.json and docs/operations.md. Ends with 0 only if everything passed.',
  )
  .option('--only <product@version...>', 'these versions (default: all that --list names)')
  .option('--suite <name...>', 'only these suites of each version')
  .option('--list', 'name the versions and the suites of each')
  .option('--env <product@version>', 'fetch it and print the variables that make every other command use it')
  .option('--clean', 'remove all that was fetched')
  .showHelpAfterError()
  .addHelpText(
    'after',
    '\nOne test with another broker:\n  env $(npm run --silent test:matrix -- --env rabbitmq@4.0) npx jest …',
  )
  .action(run);

void program.parseAsync();
