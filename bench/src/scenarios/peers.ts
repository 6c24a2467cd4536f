import { now } from '../business/load';
import { type Figure, figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { withClient } from '../engines/postgres';
import { latencies, summarise, type Summary } from '../harness/statistics';
import type { PeerName } from '../peers';
import { installPeers, peerName } from '../peers/packages';
import { Remote } from '../processes/remote';
import { everyPurchaseArrived } from './arrived';
import { costing, type Measured, medianCost } from './cost';
import { database, type DatabaseKind } from './databases';
import { patiently } from './drain';
import { HANDLERS, LIBRARY, LIBRARY_GROUPED, PRODUCER_POOL } from './pairs';
import { type Context, type Findings, type Scenario, size } from './scenario';

const CLIENTS = 32;
/** Before each round, for its processes have just started. Fewer than elsewhere: the slowest of them does a hundred a second. */
const ROUND_WARM_UP = 3_000;
/** For the latency: so slow that nobody has a backlog. */
const PER_SECOND = 50;
/** Of the rate of the fastest of the others. */
const TARGETS = { [LIBRARY]: 1.8, [LIBRARY_GROUPED]: 2.2 } as const;
type Compared = keyof typeof TARGETS;

interface Place {
  readonly usersUrl: string;
  readonly ordersUrl: string;
  readonly amqpUrl: string;
}

/** One way from a committed debit to an order in the other database. */
interface System<Name extends string = string> {
  readonly name: Name;
  readonly place: Place;
  seller(): Promise<Remote<'peer-seller'> | Remote<'library-seller'>>;
  orders(): Promise<Remote<'peer-orders'> | Remote<'library-orders'>>;
  /** Whether it still has something to write down about messages whose orders are there. */
  readonly left: { readonly url: string; readonly sql: string };
}

interface Round {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** What else one may take from npm. */
export const peers: Scenario = {
  name: 'peers',
  rounds: 5,
  installs: true,
  measures: 'orders/s and latency from the committed debit to the order in the other database, beside other packages',

  async run(context: Context): Promise<Findings> {
    const { progress, rounds } = context;
    const packages = await installPeers(progress);
    const count = size(context, 1_000, 60);
    const library = await librarySystem(context, LIBRARY);
    const grouped = await librarySystem(context, LIBRARY_GROUPED);
    const others = [
      await peerSystem(context, packages, 'pg-transactional-outbox', {
        in: 'orders',
        sql: `select from pto_inbox where processed_at is null`,
      }),
      await peerSystem(context, packages, 'pg-boss', {
        in: 'users',
        sql: `select from pgboss.job where state < 'completed'`,
      }),
      await peerSystem(context, packages, 'graphile-worker', {
        in: 'users',
        sql: `select from graphile_worker._private_jobs`,
      }),
    ];
    const systems = [library, grouped, ...others];
    const measured = await alternate(
      rounds,
      systems.map((system) => ({ name: system.name, measure: () => measure(context, system, count) })),
      (name, round, { result: { perSecond, p50, p99 } }) =>
        progress.line(
          `  round ${round}: ${perSecond.toFixed(0)}/s; at ${PER_SECOND}/s p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms · ${name}`,
        ),
    );
    for (const { place } of systems) await everyPurchaseArrived(place.usersUrl, place.ordersUrl);
    const best = Math.max(...others.map(({ name }) => rates(measured, name).median));
    const figures = others.flatMap(({ name }) => [
      ...[library, grouped].map((ours) => rateOf(measured, ours.name, name, best)),
      latencyOf(measured, library.name, name, 'p50'),
      latencyOf(measured, library.name, name, 'p99'),
    ]);
    return { parameters: { messages: count, clients: CLIENTS, latencyAtPerSecond: PER_SECOND }, figures };
  },
};

async function placeFor(context: Context, users: DatabaseKind, orders: DatabaseKind): Promise<Place> {
  return {
    usersUrl: await database(context, users),
    ordersUrl: await database(context, orders),
    amqpUrl: await context.stage.broker(context.cleanup),
  };
}

async function librarySystem<Name extends Compared>(context: Context, name: Name): Promise<System<Name>> {
  const place = await placeFor(context, 'library-users', 'library-orders');
  const { usersUrl, ordersUrl, amqpUrl } = place;
  return {
    name,
    place,
    seller: () => Remote.start('library-seller', { databaseUrl: usersUrl, amqpUrl, poolSize: PRODUCER_POOL }),
    orders: () => Remote.start('library-orders', { databaseUrl: ordersUrl, amqpUrl, handler: HANDLERS[name] }),
    left: { url: usersUrl, sql: `select from outbox_delivery where state <> 'completed'` },
  };
}

async function peerSystem(
  context: Context,
  packages: string,
  peer: PeerName,
  left: { in: 'users' | 'orders'; sql: string },
): Promise<System> {
  const place = await placeFor(context, 'plain-users', 'plain-orders');
  const options = { peer, packages, ...place };
  return {
    name: await peerName(peer),
    place,
    seller: () => Remote.start('peer-seller', options),
    orders: () => Remote.start('peer-orders', options),
    left: { url: place[`${left.in}Url`], sql: left.sql },
  };
}

/** Its processes run only while it is measured: what polls would otherwise take time from the others. */
async function measure(context: Context, system: System, count: number): Promise<Measured<Round>> {
  const { small, stage } = context;
  const seller = (await system.seller()) as Remote<'peer-seller'>;
  try {
    const orders = (await system.orders()) as Remote<'peer-orders'>;
    try {
      await arrive(
        system,
        orders,
        await seller.call('sell', { count: small ? 20 : ROUND_WARM_UP, concurrency: CLIENTS }),
      );
      const databases = [system.place.usersUrl, system.place.ordersUrl];
      for (const url of databases) await stage.analyze(url);
      const place = { databases, processes: { producer: seller.pid, consumer: orders.pid } };
      const { result: perSecond, cost } = await costing(context, place, count, async () => {
        const began = now();
        const sold = await seller.call('sell', { count, concurrency: CLIENTS });
        const arrived = await arrive(system, orders, sold);
        return (count / (Math.max(...arrived.values()) - began)) * 1000;
      });
      const sold = await seller.call('sellAtRate', { perSecond: PER_SECOND, seconds: small ? 0.5 : 3 });
      const arrived = await arrive(system, orders, sold);
      const { p50, p99 } = latencies([...sold].map(([id, at]) => Math.max(0, arrived.get(id)! - at)));
      return { result: { perSecond, p50, p99 }, cost };
    } finally {
      await orders.stop();
    }
  } finally {
    await seller.stop();
  }
}

/** Waits until every order is there and everything is written down. @returns when each order was there */
async function arrive(
  { left }: System,
  orders: Remote<'peer-orders'>,
  { size }: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, number>> {
  await patiently(async () => (await orders.call('handled')) >= size);
  await withClient(left.url, (client) =>
    patiently(async () => {
      const { rows } = await client.query<{ left: boolean }>(`select exists (${left.sql}) as left -- bench`);
      return !rows[0]!.left;
    }),
  );
  return orders.call('takeHandled');
}

type AllMeasured = ReadonlyMap<string, readonly Measured<Round>[]>;

function rates(measured: AllMeasured, name: string): Summary {
  return summarise(measured.get(name)!.map(({ result }) => result.perSecond));
}

/** @param best the rate of the fastest of the others: the one to be measured by */
function rateOf(measured: AllMeasured, ours: Compared, theirs: string, best: number): Figure {
  const baseline = rates(measured, theirs);
  return figure({
    name: `${ours}, against ${theirs}`,
    unit: 'orders/s',
    ours: rates(measured, ours),
    cost: medianCost(measured.get(ours)!),
    baseline: { name: theirs, ...baseline, cost: medianCost(measured.get(theirs)!) },
    ...(baseline.median === best && { target: { of: 'ratio', atLeast: TARGETS[ours] } }),
  });
}

function latencyOf(measured: AllMeasured, ours: string, theirs: string, which: 'p50' | 'p99'): Figure {
  const times = (name: string) => summarise(measured.get(name)!.map(({ result }) => result[which]));
  return figure({
    name: `${which} at ${PER_SECOND}/s, against ${theirs}`,
    unit: 'ms',
    ours: times(ours),
    baseline: { name: theirs, ...times(theirs) },
  });
}
