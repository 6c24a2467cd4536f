import type { Command } from 'commander';
import { shown } from './describe';
import { readOnly } from './database';
import type { InboxRow } from './database/questions';
import { type CommonFlags, DONE, FAILED, type Shell } from './shell';
import { type Story, timeline } from './timeline';

interface Flags extends CommonFlags {
  readonly consumer?: string;
}

export function addShow(program: Command, { terminal, attempt, tablesOf, withOutbox }: Shell): void {
  const { env, out, say } = terminal;

  /** The other half, of whichever consumers there are. */
  const inboxOf = (flags: Flags, id: string): Promise<InboxRow[]> | undefined => {
    const url = flags.consumer ?? env.TALLYSTICK_CONSUMER_URL;
    if (!url) return undefined;
    return readOnly(url, 'show', tablesOf(flags), ({ ask, questions }) => ask(questions.inboxOf(id)));
  };

  const storiesOf = (flags: Flags, id: string): Promise<Story[]> =>
    withOutbox(flags, async ({ operations, service }) => {
      const records = await operations.find({ id });
      if (records.length === 0) return [];
      const history = await operations.history(id);
      const inbox = (await inboxOf(flags, id))?.filter(({ source }) => source === service);
      return records.map((record) => ({
        record,
        history: history.filter(({ consumer }) => consumer === record.consumer),
        inbox: inbox?.filter(({ consumer }) => record.consumer === '*' || consumer === record.consumer),
      }));
    });

  program
    .command('show')
    .argument('<id>', 'the id of a message')
    .description('all that is known of a message and what happened to it, per consumer')
    .option('--consumer <url>', "the consumer's database, for its half; or TALLYSTICK_CONSUMER_URL")
    .action((id: string, _: unknown, command: Command) =>
      attempt(async () => {
        const flags = command.optsWithGlobals<Flags>();
        const stories = await storiesOf(flags, id);
        if (flags.json) out(JSON.stringify(stories.map(({ record, ...halves }) => ({ ...record, ...halves }))));
        else
          stories.forEach((story, index) =>
            [...(index > 0 ? [''] : []), ...shown(story.record), '', ...timeline(story)].forEach((line) => out(line)),
          );
        if (stories.length === 0) say(`Nothing is known of message ${id}; final messages are forgotten after a while.`);
        return stories.length > 0 ? DONE : FAILED;
      }),
    );
}
