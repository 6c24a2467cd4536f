import { setTimeout as sleep } from 'node:timers/promises';
import { Cleanup } from '@tallystick/services';
import { type Chart, figure, type Figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { withClient } from '../engines/postgres';
import { latencies, summarise } from '../harness/statistics';
import { Remote } from '../processes/remote';
import { database, LIBRARY_TABLES, truncate } from './databases';
import { fairShare } from './fair-share';
import { PRODUCER_POOL } from './pairs';
import { proxied } from './proxied';
import { type Context, type Findings, type Scenario } from './scenario';
import { shedding } from './shedding';

/** More than two rounds would take longer than they tell: the charts show the last one. */
const MOST_ROUNDS = 2;
const SAMPLE_EVERY_MS = 100;
const SECOND_MS = 1_000;
const LATENCY_EVERY_MS = 500;

interface Story {
  /** Purchases, evenly, from the beginning to the end. */
  readonly perSecond: number;
  readonly seconds: number;
  readonly outage: { readonly from: number; readonly to: number };
  readonly limit: number;
}

const LARGE: Story = { perSecond: 250, seconds: 8, outage: { from: 1, to: 4 }, limit: 500 };
const SMALL: Story = { perSecond: 50, seconds: 1.5, outage: { from: 0.3, to: 0.8 }, limit: 100 };

interface Sample {
  /** Milliseconds since the epoch, by the database's clock, as in every row. */
  readonly at: number;
  /** Rows that wait to be sent. */
  readonly pending: number;
  /** Attempts that have ended, and messages that the consumer has handled, since its process began. */
  readonly published: number;
  readonly handled: number;
}

interface Purchase {
  readonly at: number;
  readonly tookMs: number;
}

interface Run {
  readonly samples: readonly Sample[];
  readonly purchases: readonly Purchase[];
}

type Series = readonly (readonly [number, number])[];

/** The broker is gone for a while, sales go on: what piles up, how it goes away, and what those notice who buy meanwhile. */
export const backlog: Scenario = {
  name: 'backlog',
  measures:
    'an outage of the broker under sales, drained with and without a limit; sales beside a consumer that is not there; what callers are told',

  async run(context: Context): Promise<Findings> {
    const { stage, cleanup, progress, small } = context;
    const rounds = Math.min(context.rounds, MOST_ROUNDS);
    const story = small ? SMALL : LARGE;
    const amqpUrl = await stage.broker(cleanup);
    const place = {
      amqpUrl,
      users: await database(context, 'library-users'),
      orders: await database(context, 'library-orders'),
    };
    const limited = `at most ${story.limit}/s`;
    const measured = await alternate(
      rounds,
      [
        { name: 'no limit', measure: () => live(place, story, undefined) },
        { name: limited, measure: () => live(place, story, story.limit) },
      ],
      (name, round, run) =>
        progress.line(
          `  round ${round}: at most ${most(rateOf(run)).toFixed(0)} publishes/s, ${drainSeconds(run).toFixed(1)} s to drain · ${name}`,
        ),
    );
    const figures = [...measured].flatMap(([name, runs]): Figure[] => [
      figure({
        name: `${name}, busiest second`,
        unit: 'publishes',
        ours: summarise(runs.map((run) => most(rateOf(run)))),
        // The burst of a quarter second, and a sample more or less.
        ...(name === limited && { target: { of: 'value', atMost: story.limit * 1.4 } }),
      }),
      figure({
        name: `${name}, most waiting to be sent`,
        unit: 'messages',
        ours: summarise(runs.map((run) => most(unsentOf(run)))),
      }),
      figure({
        name: `${name}, most waiting at the consumer`,
        unit: 'messages',
        ours: summarise(runs.map((run) => most(unhandledOf(run)))),
      }),
      figure({ name: `${name}, drained after`, unit: 's', ours: summarise(runs.map(drainSeconds)) }),
    ]);
    const [share, shed] = [await fairShare(context, rounds), await shedding(context)];
    const { outage, ...parameters } = story;
    return {
      parameters: { rounds, ...parameters, outageFrom: outage.from, outageTo: outage.to },
      figures: [...figures, ...share.figures, ...shed.figures],
      charts: [
        ...chartsOf(new Map([...measured].map(([name, runs]) => [name, runs.at(-1)!]))),
        ...share.charts,
        ...shed.charts,
      ],
    };
  },
};

/** Both services as processes, the producer's way to the broker cut in the middle. */
async function live(
  { amqpUrl, users, orders }: { amqpUrl: string; users: string; orders: string },
  { perSecond, seconds, outage }: Story,
  maxPublishesPerSecond: number | undefined,
): Promise<Run> {
  const cleanup = new Cleanup();
  try {
    const { proxy, url } = await proxied(amqpUrl, cleanup);
    const consumer = cleanup.stopLater(await Remote.start('library-consumer', { databaseUrl: orders, amqpUrl }));
    const producer = cleanup.stopLater(
      await Remote.start('library-producer', {
        databaseUrl: users,
        amqpUrl: url,
        poolSize: PRODUCER_POOL,
        outbox: { maxPublishesPerSecond },
      }),
    );
    // Until the code is compiled and the statements are prepared.
    await producer.call('roundTrips', { count: Math.ceil(perSecond / 2), concurrency: 16 });
    await truncate(users, LIBRARY_TABLES);
    const sampler = new Sampler(users, async () => {
      const [published, handled] = await Promise.all([producer.call('published'), consumer.call('handled')]);
      return { published, handled };
    });
    const breakAndMend = async (): Promise<void> => {
      await sleep(outage.from * 1000);
      await proxy.refuse(true);
      proxy.cut();
      await sleep((outage.to - outage.from) * 1000);
      await proxy.refuse(false);
    };
    await Promise.all([producer.call('atRate', { perSecond, seconds }), breakAndMend()]);
    return { samples: await sampler.stop(), purchases: await purchasesIn(users) };
  } finally {
    await cleanup.run();
  }
}

/** Looks at the producer, a few times a second. */
class Sampler {
  private readonly samples: Sample[] = [];
  private stopping = false;
  private readonly running: Promise<void>;

  constructor(databaseUrl: string, progress: () => Promise<Pick<Sample, 'published' | 'handled'>>) {
    this.running = withClient(databaseUrl, async (client) => {
      while (!this.stopping) {
        const { rows } = await client.query<Pick<Sample, 'at' | 'pending'>>(`
          select extract(epoch from clock_timestamp())::float8 * 1000 as at, count(*)::int as pending
          from outbox_delivery
          where state = 'pending' -- bench`);
        this.samples.push({ ...rows[0]!, ...(await progress()) });
        await sleep(SAMPLE_EVERY_MS);
      }
    });
    // Reported by `stop`.
    this.running.catch(() => undefined);
  }

  async stop(): Promise<readonly Sample[]> {
    this.stopping = true;
    await this.running;
    return this.samples;
  }
}

async function purchasesIn(databaseUrl: string): Promise<readonly Purchase[]> {
  return withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<Purchase>(`
      select extract(epoch from created_at)::float8 * 1000 as at,
        extract(epoch from settled_at - created_at)::float8 * 1000 as "tookMs"
      from outbox_message join outbox_delivery on message_id = id
      order by created_at -- bench`);
    return rows;
  });
}

/** Publishes in the second before each sample. */
function rateOf({ samples }: Run): Series {
  return samples.flatMap((sample, index): Series => {
    const earlier = samples.slice(0, index).findLast(({ at }) => sample.at - at >= SECOND_MS);
    if (!earlier) return [];
    return [[sample.at, ((sample.published - earlier.published) / (sample.at - earlier.at)) * 1000]];
  });
}

/** From the moment most rows were waiting until as few were as before. */
function drainSeconds({ samples }: Run): number {
  const peak = samples.reduce((one, other) => (other.pending > one.pending ? other : one));
  const drained = samples.find(({ at, pending }) => at > peak.at && pending < peak.pending / 20) ?? samples.at(-1)!;
  return (drained.at - peak.at) / 1000;
}

function unsentOf({ samples }: Run): Series {
  return samples.map(({ at, pending }) => [at, pending]);
}

function unhandledOf({ samples }: Run): Series {
  return samples.map(({ at, published, handled }) => [at, Math.max(0, published - handled)]);
}

function most(series: Series): number {
  return Math.max(0, ...series.map(([, value]) => value));
}

/** Half of those who bought in the same half second waited for longer, half for less. */
function latencyOf({ purchases }: Run): Series {
  const byTime = new Map<number, number[]>();
  for (const { at, tookMs } of purchases) {
    const time = Math.floor(at / LATENCY_EVERY_MS) * LATENCY_EVERY_MS;
    byTime.set(time, [...(byTime.get(time) ?? []), tookMs]);
  }
  return [...byTime].map(([time, group]) => [time + LATENCY_EVERY_MS / 2, latencies(group).p50]);
}

function chartsOf(runs: ReadonlyMap<string, Run>): Chart[] {
  const x = { name: 'seconds' };
  const series = (points: (run: Run) => Series, name = (of: string): string => of) =>
    [...runs].map(([of, run]) => ({
      name: name(of),
      points: points(run).map(([at, value]) => [(at - run.samples[0]!.at) / 1000, value] as const),
    }));
  return [
    {
      name: 'backlog-rows',
      title: 'An outage: what waits in the outbox, and what waits at the consumer',
      x,
      y: { name: 'messages' },
      series: [
        ...series(unsentOf, (of) => `to be sent, ${of}`),
        ...series(unhandledOf, (of) => `at the consumer, ${of}`),
      ],
    },
    {
      name: 'backlog-rate',
      title: 'An outage: publishes in the last second',
      x,
      y: { name: 'publishes/s' },
      series: series(rateOf),
    },
    {
      name: 'backlog-latency',
      title: 'An outage: commit → completed, by the time of the purchase (median)',
      x,
      y: { name: 'ms', log: true },
      series: series(latencyOf),
    },
  ];
}
