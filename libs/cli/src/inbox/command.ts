import { type Command, Option } from 'commander';
import { columns } from '../columns';
import { readOnly } from '../database';
import type { Question } from '../database/engine';
import type { InboxRow, Questions } from '../database/questions';
import { type CommonFlags, DONE, duration, FAILED, positive, type Shell } from '../shell';

interface Flags extends CommonFlags {
  readonly consumerName?: string;
  readonly from?: string;
  readonly verdict?: string;
  readonly newer?: number;
  readonly older?: number;
  readonly limit: number;
}

/** What a consumer has decided. Its inbox knows ids, verdicts and times; type and payload are with the producer. */
export function addInbox(program: Command, { terminal, attempt, tablesOf, databaseUrl }: Shell): void {
  const { out, say } = terminal;
  const inbox = program.command('inbox').description('what a consumer has decided: its half of the tally');

  const asking = (put: Put, tell: Tell) =>
    function (this: Command, ...given: unknown[]): Promise<void> {
      const command = given.at(-1) as Command;
      const flags = command.optsWithGlobals<Flags>();
      return attempt(() =>
        readOnly(databaseUrl(flags), 'inbox', tablesOf(flags), async ({ ask, questions }) => {
          const rows = await ask(put(questions, flags, command.args));
          if (flags.json) out(JSON.stringify(rows));
          else for (const line of tell(rows)) out(line);
          if (rows.length === 0) say('Nothing is there; inbox rows are forgotten after a while.');
          return rows.length > 0 ? DONE : FAILED;
        }),
      );
    };

  inbox
    .command('list')
    .description('verdicts, the latest first')
    .option('--consumer-name <name>', 'of which consumer, if several share the tables')
    .option('--from <service>', 'on messages of this service')
    .addOption(new Option('--verdict <verdict>', 'only these').choices(['accepted', 'rejected']))
    .addOption(duration('--newer <duration>', 'decided more recently than this'))
    .addOption(duration('--older <duration>', 'decided longer ago than this'))
    .option('--limit <n>', 'at most so many', positive, 50)
    .action(
      asking(
        (questions, { consumerName: consumer, from: source, verdict, newer: newerMs, older: olderMs, limit }) =>
          questions.inbox({ consumer, source, verdict, newerMs, olderMs, limit }),
        listed,
      ),
    );

  inbox
    .command('show')
    .argument('<id>', 'the id of a message')
    .description('all that the inbox knows of a message, per consumer and producer')
    .action(asking((questions, _, [id]) => questions.inboxOf(id!), shown));
}

type Put = (questions: Questions, flags: Flags, terms: string[]) => Question<InboxRow>;
type Tell = (rows: readonly InboxRow[]) => string[];

const listed: Tell = (rows) =>
  columns(
    ['message', 'decided', 'verdict', 'from → consumer', 'reason'],
    rows.map(({ messageId, receivedAt, verdict, source, consumer, reason }) => [
      ...[messageId, receivedAt.slice(0, 19), verdict, `${source} → ${consumer}`],
      reason === null ? '' : JSON.stringify(reason),
    ]),
    160,
  );

const shown: Tell = (rows) =>
  rows.flatMap((row, index) => {
    const facts: [string, string | null][] = [
      ['message', row.messageId],
      ['from', row.source],
      ['consumer', row.consumer],
      ['decided', row.receivedAt],
      ['verdict', row.reason === null ? row.verdict : `${row.verdict}: ${JSON.stringify(row.reason)}`],
      ['result', row.result === null ? null : JSON.stringify(row.result)],
      ['content', row.payloadHash && `SHA-256 ${row.payloadHash}`],
    ];
    const lines = facts.flatMap(([name, fact]) => (fact === null ? [] : [`${name.padEnd(12)}${fact}`]));
    return index === 0 ? lines : ['', ...lines];
  });
