import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { BY_HAND_RULES } from './by-hand';
import type { Asked } from './commands';
import { PROTOCOLS } from './protocols';
import { OUTAGES } from './protocols/protocol';
import { QUESTIONS } from './questions';

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 600)) throw new InvalidArgumentError('Write seconds, up to 600.');
  return value;
}

const experiments = [
  ...PROTOCOLS.map(({ name }) => name),
  'three-phase-commit',
  'by-hand',
  ...QUESTIONS.map(({ name }) => name),
];
const steps = PROTOCOLS.map(({ name, title, steps, rules }) => {
  const lines = Object.entries(steps).map(([step, { at, when }]) => `    ${step.padEnd(22)} ${at}-service: ${when}`);
  const off = Object.entries(rules).map(([rule, what]) => `    --without ${rule}: ${what}`);
  return [`  ${name}: ${title}`, ...lines, ...off].join('\n');
});

const questions = QUESTIONS.map(({ name, title }) => `  ${name}: ${title}`);
const byHand = Object.entries(BY_HAND_RULES).map(([rule, what]) => `    --without ${rule}: ${what}`);

/** @param action does what was asked for */
export function labCommand(action: (what: string, asked: Asked) => Promise<void>): Command {
  return new Command('npm run lab --')
    .description(
      'One purchase in two databases, made in several ways: watch it, kill a process in the middle of it, compare.\n' +
        'Starts its own throw-away PostgreSQL and RabbitMQ.',
    )
    .addArgument(
      new Argument(
        '<what>',
        'a protocol, the outbox by hand, a question, all protocols with all tables, or the pictures of docs/lab',
      ).choices([...experiments, 'all', 'pictures']),
    )
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
    .addHelpText(
      'after',
      `\nSteps:\n${steps.join('\n')}\n  by-hand: The local message table, by hand\n${byHand.join('\n')}\n\nQuestions:\n${questions.join('\n')}\n`,
    )
    .action(action);
}
