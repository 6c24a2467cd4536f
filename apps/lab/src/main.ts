#!/usr/bin/env node
import { Cleanup, RabbitUnavailableError } from '@tallystick/services';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { inspect } from 'node:util';
import { type Asked, everything, one } from './commands';
import { PROTOCOLS } from './protocols';
import { simulations } from './protocols/three-phase-commit';
import { OUTAGES } from './protocols/protocol';
import { Terminal } from './report/terminal';

/** Exit codes: 0 all was as expected · 1 something was not, or could not be done · 130 and 143 somebody stopped it. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

async function run(what: string, asked: Asked): Promise<number> {
  const terminal = new Terminal(asked.json ? process.stderr : process.stdout);
  const ending = new AbortController();
  const cleanup = new Cleanup();
  let interrupted: number | undefined;
  for (const [name, exitCode] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      if (interrupted !== undefined) process.exit(exitCode); // a second one does not wait: the servers have guards
      interrupted = exitCode;
      process.stderr.write(`\n${name}: stopping\n`);
      ending.abort(new Error(name));
      void cleanup.run().finally(() => process.exit(exitCode));
    });
  }
  const lab = {
    cleanup,
    signal: ending.signal,
    onProgress: (line: string) => void process.stderr.write(`· ${line}\n`),
  };
  try {
    if (what === 'three-phase-commit') return simulations(terminal, asked.json) ? 0 : 1;
    return (await (what === 'all' ? everything(asked, lab, terminal) : one(what, asked, lab, terminal))) ? 0 : 1;
  } catch (error) {
    if (interrupted === undefined) process.stderr.write(`${isPlain(error) ? error.message : inspect(error)}\n`);
    return interrupted ?? 1;
  } finally {
    await cleanup.run();
  }
}

/** Its message says what to do; a stack trace would not help. */
function isPlain(error: unknown): error is Error {
  return error instanceof RabbitUnavailableError || error instanceof InvalidArgumentError;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 600)) throw new InvalidArgumentError('Write seconds, up to 600.');
  return value;
}

const protocols = [...PROTOCOLS.map(({ name }) => name), 'three-phase-commit'];
const steps = PROTOCOLS.map(({ name, title, steps, rules }) => {
  const lines = Object.entries(steps).map(([step, { at, when }]) => `    ${step.padEnd(22)} ${at}-service: ${when}`);
  const off = Object.entries(rules).map(([rule, what]) => `    --without ${rule}: ${what}`);
  return [`  ${name}: ${title}`, ...lines, ...off].join('\n');
});

const command = new Command('npm run lab --')
  .description(
    'One purchase in two databases, made in several ways: watch it, kill a process in the middle of it, compare.\n' +
      'Starts its own throw-away PostgreSQL and RabbitMQ.',
  )
  .addArgument(new Argument('<what>', 'a protocol, or all of them with all tables').choices([...protocols, 'all']))
  .option('--crash <step>', 'kill the process that gets there, then start it again')
  .option('--stop <step>', 'let it stand still there for a while (SIGSTOP)')
  .option('--hold <step>', 'let what gets there wait until the others have gone on without it')
  .addOption(new Option('--away <what>', 'buy while this is away').choices(OUTAGES))
  .option('--seconds <n>', 'how long it is away (default: 10; with --small 1.5)', seconds)
  .option('--rejected', 'buy something that is sold out', false)
  .option('--without <rule>', 'switch a rule off, and see what it was good for')
  .option('--json', 'results on stdout as JSON', false)
  .option('--small', 'with all: a little of everything, writes no results', false)
  .option('--no-timings', 'with all: leave out what a busy machine falsifies')
  .addHelpText('after', `\nSteps:\n${steps.join('\n')}\n`)
  .action(async (what: string, asked: Asked) => process.exit(await run(what, asked)));

void command.parseAsync();
