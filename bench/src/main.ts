import 'reflect-metadata';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { type CommandOptions, run } from './run';
import { ENGINES } from './engines/engine';
import { SCENARIOS } from './scenarios';
import { runsOn } from './scenarios/scenario';

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('Write a whole number from 1.');
  return value;
}

const ON_MARIADB = SCENARIOS.filter((scenario) => runsOn(scenario, 'mariadb')).map(({ name }) => name);

const program = new Command('bench')
  .description(
    'Measures the library beside what one would write by hand, in the same run, in\n' +
      'turns. Figures of one machine mean nothing alone: read the ratios. Starts its\n' +
      'own throw-away PostgreSQL or MariaDB, and RabbitMQ.',
  )
  .addArgument(
    new Argument('<what>', 'a scenario, all of them, or the report').choices([
      ...SCENARIOS.map(({ name }) => name),
      'all',
      'report',
    ]),
  )
  .option('--messages <n>', 'size of every measurement, instead of the one of the scenario', wholeNumber)
  .option(
    '--rounds <n>',
    'how often every variant is measured; the median counts (default: 3; with --small 1)',
    wholeNumber,
  )
  .option('--json', 'results on stdout as JSON, one object and line per scenario', false)
  .option('--small', 'seconds instead of minutes: shows that it works, keeps no results', false)
  .addOption(
    new Option(
      '--database <kind>',
      `what to measure on (default: postgres); ${ON_MARIADB.join(', ')} run on mariadb too`,
    ).choices(ENGINES),
  )
  .addOption(
    new Option('--database-url <url>', 'a PostgreSQL or MariaDB to use; databases are created and dropped in it'),
  )
  .addOption(new Option('--amqp-url <url>', 'a RabbitMQ to use; objects named bench* are created and deleted in it'))
  .addHelpText(
    'after',
    `\nScenarios:\n${SCENARIOS.map(({ name, measures }) => `  ${name.padEnd(10)} ${measures}`).join('\n')}\n` +
      '  report     writes bench/results/latest.md, with charts, from the kept results\n',
  )
  .action(async (what: string, options: CommandOptions) => {
    process.exitCode = await run(what, options);
  });

void program.parseAsync();
