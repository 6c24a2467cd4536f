import {
  type BulkJob,
  type BulkVerb,
  type DeliveryFilter,
  filterText,
  OutboxError,
  type OutboxOperations,
  type PassiveOutbox,
  type Refusal,
} from '@tallystick/outbox';
import { type Command } from 'commander';
import { actorOf } from './actor';
import { COUNTED, countText, filterOf } from './filter';
import { type CommonFlags, DONE, FAILED, positive, type Shell } from './shell';

interface Flags extends CommonFlags {
  readonly yes?: boolean;
  readonly rate?: number;
  readonly reason?: string;
  readonly by?: string;
  readonly deadline?: string;
  readonly force?: boolean;
}

/** What became of it, of many deliveries or of one message. */
export type Outcome = Pick<BulkJob, 'changed' | 'refused' | 'refusals'> & Partial<Pick<BulkJob, 'id' | 'state'>>;

export function addSteering(program: Command, shell: Shell): void {
  const { terminal, within } = shell;
  const { say, confirm, stop } = terminal;

  const steering = (verb: BulkVerb, says: string): Command =>
    program
      .command(verb)
      .argument('<filter...>', 'the id of a message, or which deliveries')
      .description(says)
      .option('--rate <n>', 'deliveries per second', positive, 200)
      .option('--by <name>', 'who, for the audit; or TALLYSTICK_ACTOR; else user@host')
      .option('--yes', 'do not ask')
      .action(within<Flags>((outbox, flags, terms) => steer(verb, outbox, flags, filterOf(terms))));

  const steer = async (
    verb: BulkVerb,
    { operations, service }: PassiveOutbox,
    flags: Flags,
    filter: DeliveryFilter,
  ): Promise<number> => {
    const count = await operations.count(filter, { cap: COUNTED });
    if (count === 0) {
      say('Nothing matches.');
      return FAILED;
    }
    const asked = `${verb[0]!.toUpperCase()}${verb.slice(1)} ${countText(count)} of ${service} (${filterText(filter)})?`;
    if (!flags.yes && !(await confirm(asked))) {
      say(`${asked} Not done: nobody said yes. In a script, give --yes.`);
      return FAILED;
    }
    const { deadline, reason, force, rate } = flags;
    const options = {
      by: actorOf(terminal, flags.by),
      ...(deadline !== undefined && { deadline }),
      ...(reason !== undefined && { reason }),
      ...(force !== undefined && { force }),
    };
    const onProgress = (done: number): void => {
      if (done % 1_000 === 0) say(`${done} of ${count}`);
    };
    const isOne = filter.id !== undefined && Object.keys(filter).length === 1;
    const outcome = isOne
      ? await toEachConsumer(operations, verb, filter.id!, options)
      : await operations.bulk(verb, filter, { ...options, rate: rate!, stop, onProgress });
    return report(shell, outcome, flags);
  };

  steering('retry', 'open parked deliveries again, with a fresh budget')
    .option('--deadline <duration>', 'a new deadline, e.g. 15m')
    .option('--reason <text>', 'why: for the audit');
  steering('cancel', 'ask the consumer to give messages up; a rejection compensates').requiredOption(
    '--reason <text>',
    'why: the consumer and the compensation read it',
  );
  steering('discard', 'end parked deliveries for good, without a verdict')
    .requiredOption('--reason <text>', 'why: it stays with the delivery')
    .option('--force', 'also while the consumer might still act on a copy');
}

/** One message is no job: there is nothing to go on with. */
async function toEachConsumer(
  operations: OutboxOperations,
  verb: BulkVerb,
  id: string,
  options: { by: string; deadline?: string; reason?: string; force?: boolean },
): Promise<Outcome> {
  const { by, deadline, force, reason = '' } = options;
  const refusals: Refusal[] = [];
  let changed = 0;
  for (const { messageId, consumer: to } of await operations.find({ id })) {
    try {
      if (verb === 'retry')
        await operations.retry(id, {
          ...{ to, by },
          ...(deadline && { deadline: deadline as '1m' }),
          ...(reason && { reason }),
        });
      else if (verb === 'cancel') await operations.cancel(id, { reason, to, by });
      else await operations.discard(id, reason, { to, by, ...(force !== undefined && { force }) });
      changed += 1;
    } catch (error) {
      if (!(error instanceof OutboxError)) throw error;
      refusals.push({ messageId, consumer: to, why: error.message });
    }
  }
  return { changed, refused: refusals.length, refusals };
}

/** @returns the exit code */
export function report({ terminal: { out, say } }: Shell, outcome: Outcome, { json }: CommonFlags): number {
  const { id, state = 'done', changed, refused, refusals } = outcome;
  const stopped = state !== 'done';
  if (json) out(JSON.stringify({ changed, refused, refusals, stopped, ...(id !== undefined && { job: id }) }));
  else out(`${changed} changed, ${refused} refused${stopped ? ', stopped: the same command goes on' : ''}`);
  if (stopped) say(`So does: tallystick jobs resume ${id}`);
  for (const { messageId, consumer, why } of refusals.slice(0, 10)) say(`${messageId} to ${consumer}: ${why}`);
  if (refused > 10) say(`… and ${refused - 10} more`);
  return refused === 0 && !stopped ? DONE : FAILED;
}
