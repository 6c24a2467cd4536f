import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cleanup } from '@tallystick/services';
import { newOrder } from '../business/load';
import type { SideOptions } from '../business/sides';
import { type Figure, figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { asking } from '../engines/engine';
import { withClient } from '../engines/postgres';
import { summarise } from '../harness/statistics';
import { Remote } from '../processes/remote';
import { database } from './databases';
import { patiently } from './drain';
import { FILL_LIBRARY } from './fill';
import { PRODUCER_POOL } from './pairs';
import { proxied } from './proxied';
import { type Context, type Findings, type Scenario, size } from './scenario';

const MIB = 2 ** 20;
const SAMPLES = 10;
/** Rows per transaction: while one is open, every claim has to pass by its rows. */
const AT_ONCE = 20_000;
/** A process that has run longer tells no more. */
const MOST_ROUNDS = 2;
const BOOT = join(__dirname, '..', 'processes', 'boot.js');

/** What a service has in memory (RSS): what waits must stay in the database. */
export const memory: Scenario = {
  name: 'memory',
  measures: 'resident memory of a service with a full window and many rows waiting, beside itself idle, and at boot',

  async run(context: Context): Promise<Findings> {
    const rows = size(context, 1_000_000, 5_000);
    const rounds = Math.min(context.rounds, MOST_ROUNDS);
    const figures = [...(await atBoot(context, rounds)), await withFullWindow(context, rounds, rows)];
    return { parameters: { rounds, waiting: rows }, figures };
  },
};

async function atBoot(context: Context, rounds: number): Promise<Figure[]> {
  const { stage, cleanup, progress } = context;
  const options = { databaseUrl: await database(context, 'library-users'), amqpUrl: await stage.broker(cleanup) };
  const [library, plain] = ['with the library', 'the same Nest application without it'];
  const measured = await alternate(
    rounds,
    [
      { name: library, measure: () => boot('library', options) },
      { name: plain, measure: () => boot('plain', options) },
    ],
    (name, round, mib) => progress.line(`  round ${round}: ${mib.toFixed(0)} MiB at boot · ${name}`),
  );
  const [ours, baseline] = [measured.get(library)!, measured.get(plain)!];
  return [
    figure({
      name: `at boot, ${library}`,
      unit: 'MiB',
      ours: summarise(ours),
      baseline: { name: plain, ...summarise(baseline) },
    }),
    figure({
      name: 'what the library adds at boot',
      unit: 'MiB',
      ours: summarise(ours.map((mib, round) => mib - baseline[round]!)),
      target: { of: 'value', atMost: 20 },
    }),
  ];
}

/** @returns MiB, after a collection of garbage */
async function boot(what: 'plain' | 'library', options: SideOptions): Promise<number> {
  const child = fork(BOOT, [what, JSON.stringify(options)], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 2, 2, 'ipc'],
    detached: true, // Ctrl-C is for the run
  });
  const ended = once(child, 'exit');
  try {
    const [rss] = (await Promise.race([
      once(child, 'message'),
      ended.then(([code]) => Promise.reject(new Error(`the ${what} application ended (${String(code)})`))),
    ])) as [number];
    return rss / MIB;
  } finally {
    if (child.connected) child.disconnect();
    await ended;
  }
}

async function withFullWindow(context: Context, rounds: number, rows: number): Promise<Figure> {
  const { stage, cleanup, progress } = context;
  const [databaseUrl, amqpUrl] = [await database(context, 'library-users'), await stage.broker(cleanup)];
  const idle: number[] = [];
  const full: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const found = await fill(databaseUrl, amqpUrl, rows);
    idle.push(found.idle);
    full.push(found.full);
    progress.line(
      `  round ${round}: ${found.idle.toFixed(0)} MiB idle, ${found.full.toFixed(0)} MiB with ${found.inHand} in hand of ${rows}`,
    );
  }
  return figure({
    name: 'a full window',
    unit: 'MiB',
    ours: summarise(full),
    baseline: { name: 'the same process, idle before', ...summarise(idle) },
    target: { of: 'ratio', atMost: 1.2 },
  });
}

/** A broker that takes nothing: the relay claims as much as its window holds, and no more. */
async function fill(databaseUrl: string, amqpUrl: string, rows: number) {
  const own = new Cleanup();
  try {
    await withClient(databaseUrl, (client) => client.query('truncate outbox_delivery, outbox_message -- bench'));
    const { proxy, url } = await proxied(amqpUrl, own);
    const service = own.stopLater(
      await Remote.start('library-producer', { databaseUrl, amqpUrl: url, poolSize: PRODUCER_POOL }),
    );
    // Rather gone than silent while the service stops: it waits for what is in hand.
    own.defer(async () => {
      await proxy.refuse(true);
      proxy.cut();
    });
    const idle = await residentMiB(service);
    proxy.freeze();
    await asking(databaseUrl, async (ask) => {
      for (let left = rows; left > 0; left -= AT_ONCE)
        await FILL_LIBRARY.postgres(ask, Math.min(left, AT_ONCE), JSON.stringify(newOrder(1)));
    });
    const inHand = await steady(databaseUrl);
    return { idle, full: await residentMiB(service), inHand };
  } finally {
    await own.run();
  }
}

/** Waits until no more is claimed. @returns how many are */
async function steady(databaseUrl: string): Promise<number> {
  return withClient(databaseUrl, async (client) => {
    const claimed = async (): Promise<number> => {
      const { rows } = await client.query<{ claimed: number }>(
        'select count(*)::int as claimed from outbox_delivery where attempts > 0 -- bench',
      );
      return rows[0]!.claimed;
    };
    let last = 0;
    await patiently(async () => {
      const now = await claimed();
      const same = now > 0 && now === last;
      last = now;
      if (!same) await sleep(1_000);
      return same;
    });
    return last;
  });
}

/** The most of some samples: what an operator has to give it. */
async function residentMiB(service: Remote<'library-producer'>): Promise<number> {
  const samples: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    samples.push((await service.call('usage')).rssBytes / MIB);
    await sleep(100);
  }
  return Math.max(...samples);
}
