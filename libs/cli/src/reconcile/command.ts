import type { Command } from 'commander';
import { readOnly } from '../database';
import type { AskDatabase, Question } from '../database/engine';
import { type CommonFlags, DONE, duration, FAILED, MISUSED, positive, type Shell } from '../shell';
import { Report } from './report';
import { reconcile } from './reconcile';

interface Flags extends CommonFlags {
  readonly producer?: string;
  readonly consumer?: string;
  readonly consumerName?: string;
  readonly since: number;
  readonly grace: number;
  readonly limit: number;
}

export function addReconcile(program: Command, { terminal, attempt, tablesOf, databaseUrl }: Shell): void {
  const { env, out, say, stop } = terminal;

  const compareBoth = async (flags: Flags): Promise<number> => {
    const urls = {
      producer: flags.producer ?? databaseUrl(flags),
      consumer: flags.consumer ?? env.TALLYSTICK_CONSUMER_URL ?? missing(),
    };
    const service = flags.service ?? env.TALLYSTICK_SERVICE;
    const tables = tablesOf(flags);
    return readOnly(urls.producer, 'reconcile', tables, (left) =>
      readOnly(urls.consumer, 'reconcile', tables, async (right) => {
        const name = service ?? (await theOnly(left.ask, left.questions.producer.names(), '--service'));
        const producer = { ...left, name };
        const consumerName =
          flags.consumerName ?? (await theOnly(right.ask, right.questions.consumer.names(), '--consumer-name'));
        const consumer = { ...right, name: consumerName };
        const report = new Report(producer.name, consumer.name, flags.limit);
        const compared = await reconcile(producer, consumer, {
          sinceMs: flags.since,
          graceMs: flags.grace,
          stop,
          onDifference: (difference) => report.add(difference),
          onProgress: (sent, decided) => say(`${sent} deliveries and ${decided} inbox rows compared`),
        });
        if (flags.json) out(JSON.stringify(report.json(compared)));
        else for (const line of report.lines(compared)) out(line);
        if (compared.stopped) return MISUSED;
        return report.differences === 0 ? DONE : FAILED;
      }),
    );
  };

  program
    .command('reconcile')
    .description('compare the two halves of the tally: what a producer was told, and what a consumer decided')
    .option('--producer <url>', 'the database of the producer; or --database-url')
    .option('--consumer <url>', 'the database of the consumer; or TALLYSTICK_CONSUMER_URL')
    .option('--consumer-name <name>', 'which consumer, if several share that database')
    .addOption(duration('--since <duration>', 'how far back, at most as far as both sides keep what they have', '14d'))
    .addOption(duration('--grace <duration>', 'a verdict may take so long to come back', '10m'))
    .option('--limit <n>', 'name at most so many of each kind', positive, 20)
    .addHelpText('after', '\nExit codes: 0 no difference · 1 differences · 2 not understood, failed, stopped')
    .action((_: unknown, command: Command) => attempt(() => compareBoth(command.optsWithGlobals<Flags>()), MISUSED));
}

function missing(): never {
  throw new Error('Which databases? Give --producer and --consumer, each as postgres://user@localhost:5432/orders.');
}

async function theOnly(ask: AskDatabase, names: Question<{ readonly name: string }>, flag: string): Promise<string> {
  const rows = await ask(names);
  const [only, another] = rows;
  if (only !== undefined && another === undefined) return only.name;
  const found =
    rows.length === 0 ? 'nobody is known there yet' : `there are ${rows.map(({ name }) => name).join(', ')}`;
  throw new Error(`Whose rows? Give ${flag}: ${found}.`);
}
