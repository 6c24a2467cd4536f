import { execFileSync } from 'node:child_process';
import { Cleanup, type PostgresDatabaseServer, until } from '@tallystick/services';
import { SeededRandom } from '@tallystick/outbox/testing';
import { type Rig, type RigProcess, startRig } from '../../rig';
import { SIGNING } from './envelopes';
import { FalseConsumer, UNSIGNED } from './false-consumer';
import { floodProblems } from './flood';
import { Customers } from './storm';

/** Plain data: it survives `JSON.stringify`. What somebody did who stands where a consumer should. */
export interface RepliesSummary {
  readonly hostile: number;
  /** It is called over one at a time; broken ones are replaced. */
  readonly connections: number;
  readonly mostAtOnce: number;
  readonly grownMiB: number;
  readonly logBytes: number;
  /** To the true consumer, meanwhile. */
  readonly purchases: number;
  /** With signing off, who is called is the consumer: so many rows took its verdict. */
  readonly believedUnsigned: number;
  readonly problems: readonly string[];
}

export interface ProveRepliesOptions {
  readonly postgres: PostgresDatabaseServer;
  readonly replies: number;
  readonly seed: number;
  /** Of the producer's process. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly onProgress?: (line: string) => void;
}

/** Rows that ask somebody false, again and again. */
const ASKING = 40;
const AMOUNT = 100;
const REPLIES_PER_PURCHASE = 10;
const GROWN_MIB_AT_MOST = 256;
/** One is called; another may be on its way out. */
const AT_ONCE_AT_MOST = 4;

/** A producer calls somebody who is no consumer, and one who is. */
export async function proveReplies(options: ProveRepliesOptions): Promise<RepliesSummary> {
  const { replies, seed, onProgress = () => {} } = options;
  const cleanup = new Cleanup();
  try {
    const random = new SeededRandom(seed);
    const { consumer, rig } = await callFalsely(options, { random, signing: true }, cleanup);
    const customers = await Customers.of(rig);
    const accountId = await rig.openAccount(ASKING * AMOUNT);
    const producer = rig.producers[0];
    const before = { rss: rssMiB(producer), output: producer.output.length };

    await rig.recordMany({ accountId, amount: AMOUNT, count: ASKING, script: { elsewhere: true } });
    const purchases = Math.ceil(replies / REPLIES_PER_PURCHASE);
    onProgress(`${replies} hostile replies, and ${purchases} purchases meanwhile`);
    const bought = await customers.buy(purchases);
    await until('so much was answered', () => consumer.done >= replies, { timeoutMs: 600_000 });
    await until('what others sell is sold', async () => (await openTo(rig, 'rig-consumer')) === 0);

    const [grownMiB, logBytes] = [rssMiB(producer) - before.rss, producer.output.length - before.output];
    const { mostAtOnce, connections, done: hostile } = consumer;
    const problems = [
      ...rig.problems,
      ...(await wrongRows(rig, bought)),
      ...floodProblems([{ process: producer, output: producer.output }]),
      ...(mostAtOnce > AT_ONCE_AT_MOST ? [`${mostAtOnce} connections at once`] : []),
      ...(grownMiB > GROWN_MIB_AT_MOST ? [`the producer has grown by ${grownMiB} MiB`] : []),
    ];
    await rig.stop();
    const believedUnsigned = await believed(options, cleanup);
    if (believedUnsigned === 0) problems.push('nobody is believed, not even the consumer that is configured');
    const figures = { hostile, connections, mostAtOnce, grownMiB, logBytes, purchases, believedUnsigned };
    return { ...figures, problems };
  } finally {
    await cleanup.run();
  }
}

async function callFalsely(
  { postgres, seed, environment }: ProveRepliesOptions,
  { random, signing }: { random: SeededRandom; signing: boolean },
  cleanup: Cleanup,
): Promise<{ consumer: FalseConsumer; rig: Rig }> {
  const honestly = signing ? undefined : UNSIGNED;
  const { consumer, address } = await FalseConsumer.listen({ random, seed, ...(honestly && { honestly }) }, cleanup);
  const options = { server: postgres, amqpUrl: 'direct', environment: { ...environment, RIG_ELSEWHERE: address } };
  const outbox = signing ? { signing: SIGNING } : {};
  return { consumer, rig: cleanup.stopLater(await startRig({ ...options, options: { outbox } })) };
}

/** The same without signatures, where the false consumer gives verdicts that are in order. @returns how many were taken */
async function believed(options: ProveRepliesOptions, cleanup: Cleanup): Promise<number> {
  const { rig } = await callFalsely(options, { random: new SeededRandom(options.seed), signing: false }, cleanup);
  const accountId = await rig.openAccount(AMOUNT);
  const { messageId } = await rig.record({ accountId, amount: AMOUNT, script: { elsewhere: true } });
  await rig.reaches(messageId, 'completed');
  return 1;
}

async function openTo(rig: Rig, consumer: string): Promise<number> {
  const sql = 'select count(*)::int as open from outbox_delivery where consumer = $1 and settled_at is null';
  return (await rig.query<{ open: number }>('producer', sql, [consumer]))[0]!.open;
}

async function wrongRows(rig: Rig, bought: readonly string[]): Promise<string[]> {
  const [found] = await rig.query<Record<string, number>>(
    'producer',
    `select count(*) filter (where d.consumer = 'rig-elsewhere' and (d.state <> 'pending' or d.verdict is not null))::int
              as "rows that were moved by somebody who is no consumer",
            count(*) filter (where d.consumer = 'rig-elsewhere' and p.status <> 'pending')::int
              as "purchases that were decided by somebody who is no consumer",
            count(*) filter (where d.consumer = 'rig-consumer' and p.status <> 'completed')::int
              as "purchases that were held up by somebody else",
            abs(count(*) filter (where d.consumer = 'rig-consumer')::int - $1)
              as "purchases too many or too few",
            (select count(*)::int from movement where kind = 'refund') as "refunds",
            (select count(*)::int from inbox_message) as "rows in the inbox of the producer"
       from outbox_delivery d join purchase p using (message_id)`,
    [bought.length],
  );
  return Object.entries(found!)
    .filter(([, count]) => count !== 0)
    .map(([what, count]) => `${count} ${what}`);
}

function rssMiB({ pid }: RigProcess): number {
  return Math.round(Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1_024);
}
