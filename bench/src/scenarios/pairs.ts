import { ALONE, ARRAYS, CONCURRENCY, GROUPED, type OrderOptions } from '../library/orders';
import type { LibraryProducerOptions } from '../library/producer';
import { Remote } from '../processes/remote';
import type { LoadResult } from '../processes/roles';
import type { Place } from './cost';
import { database } from './databases';
import { type Context, WARM_UP } from './scenario';

/** Connections of each producer's pool; the library has four more of its own, see `poolSize` there. */
export const PRODUCER_POOL = 16;

/** Purchases of a closed loop. */
const UNDER_WAY = 32;

/** Both services as processes: one way of doing the whole round trip. */
export interface Pair {
  readonly name: string;
  readonly place: Place;
  roundTrips(load: { count: number; concurrency: number; users?: number }): Promise<LoadResult>;
  atRate(load: { perSecond: number; seconds: number }): Promise<LoadResult>;
  /** Deletes what is old enough; the library's pair only. */
  prune?(): Promise<void>;
  /** Where its dashboard is; the library's pair only, if it has one. */
  dashboardUrl?(): Promise<string>;
  /** Looks for deliveries, and says how many milliseconds each page took; the library's pair only. */
  search?(question: { filter: string; times: number }): Promise<number[]>;
}

export const LIBRARY = 'library';
export const LIBRARY_GROUPED = 'library, group commit';
export const LIBRARY_ARRAYS = 'library, array handler';
export const RAW_SINGLE = 'hand-written, one update per mark';
export const RAW_COALESCED = 'hand-written, coalesced marks, batched consumer';
export const DUAL_WRITE = 'UNSAFE dual write: TypeORM repositories and golevelup, published after the commit';
export const ENTITY_OUTBOX = 'hand-written outbox, inbox and receipt, through TypeORM entities';

export type LibraryName = typeof LIBRARY | typeof LIBRARY_GROUPED | typeof LIBRARY_ARRAYS;
/** How its consumer takes the orders. */
export const HANDLERS: Readonly<Record<LibraryName, OrderOptions>> = {
  [LIBRARY]: ALONE,
  [LIBRARY_GROUPED]: GROUPED,
  [LIBRARY_ARRAYS]: ARRAYS,
};

/** The library, its two services as processes, warmed up. */
export async function libraryPair(
  context: Context,
  amqpUrl: string,
  {
    outbox,
    watched,
    dashboard,
    inLine,
    name = LIBRARY,
  }: Pick<LibraryProducerOptions, 'outbox' | 'watched' | 'dashboard' | 'inLine'> & {
    readonly name?: LibraryName;
  } = {},
): Promise<Pair> {
  const [users, orders] = [await database(context, 'library-users'), await database(context, 'library-orders')];
  const options = { databaseUrl: users, amqpUrl, poolSize: PRODUCER_POOL, outbox, watched, dashboard, inLine };
  const [producer, consumer] = await Promise.all([
    start(context, 'library-producer', options),
    start(context, 'library-consumer', { databaseUrl: orders, amqpUrl, handler: HANDLERS[name], watched, inLine }),
  ]);
  const place = placeOf([users, orders], producer, consumer);
  return warm(context, {
    ...pairOf(name, place, producer),
    prune: () => producer.call('prune'),
    dashboardUrl: () => producer.call('dashboardUrl'),
    search: (question) => producer.call('search', question),
  });
}

/** (a) or (b) of the hand-written versions, its two services as processes, warmed up. Each needs a broker of its own. */
export async function rawPair(
  context: Context,
  amqpUrl: string,
  name: typeof RAW_SINGLE | typeof RAW_COALESCED,
  { serial }: { readonly serial?: boolean } = {},
): Promise<Pair> {
  const [users, orders] = [await database(context, 'raw-users'), await database(context, 'raw-orders')];
  const single = name === RAW_SINGLE;
  const [producer, consumer] = await Promise.all([
    start(context, 'raw-producer', {
      databaseUrl: users,
      amqpUrl,
      poolSize: PRODUCER_POOL,
      marks: single ? 'single' : 'coalesced',
      serial,
    }),
    start(context, 'raw-consumer', {
      databaseUrl: orders,
      amqpUrl,
      concurrency: CONCURRENCY,
      transactions: single ? 'single' : 'batched',
    }),
  ]);
  return warm(context, pairOf(name, placeOf([users, orders], producer, consumer), producer));
}

/** (c), which is unsafe, or (d): both through TypeORM, their two services as processes, warmed up. */
export async function typeormPair(
  context: Context,
  amqpUrl: string,
  name: typeof DUAL_WRITE | typeof ENTITY_OUTBOX,
  { serial }: { readonly serial?: boolean } = {},
): Promise<Pair> {
  const dual = name === DUAL_WRITE;
  const [users, orders] = [
    await database(context, dual ? 'plain-users' : 'raw-users'),
    await database(context, dual ? 'plain-orders' : 'raw-orders'),
  ];
  const [producer, consumer] = await Promise.all([
    start(context, dual ? 'dual-write-producer' : 'entity-producer', {
      databaseUrl: users,
      amqpUrl,
      poolSize: PRODUCER_POOL,
      ...(serial && { serial }),
    }),
    start(context, dual ? 'dual-write-consumer' : 'entity-consumer', {
      databaseUrl: orders,
      amqpUrl,
      concurrency: CONCURRENCY,
    }),
  ]);
  return warm(context, pairOf(name, placeOf([users, orders], producer, consumer), producer));
}

/** What a pair can keep up with, per second: its own closed loop, as in the scenario `roundtrip`. Twice, because the first run warms up. */
export async function sustainableRate(pair: Pair, count: number): Promise<number> {
  await pair.roundTrips({ count, concurrency: UNDER_WAY });
  const { tookMs } = await pair.roundTrips({ count, concurrency: UNDER_WAY });
  return (count / tookMs) * 1000;
}

/** Starts a service in a process of its own, and stops it when the scenario is over. */
export async function start<Name extends Parameters<typeof Remote.start>[0]>(
  { cleanup }: Context,
  role: Name,
  options: Parameters<typeof Remote.start<Name>>[1],
): Promise<Remote<Name>> {
  return cleanup.stopLater(await Remote.start(role, options));
}

function placeOf(databases: readonly string[], producer: { pid: number }, consumer: { pid: number }): Place {
  return { databases, processes: { producer: producer.pid, consumer: consumer.pid } };
}

function pairOf(name: string, place: Place, producer: { readonly pid: number }): Pair {
  const call = producer as Remote<'raw-producer'>;
  return {
    name,
    place,
    roundTrips: (load) => call.call('roundTrips', load),
    atRate: (load) => call.call('atRate', load),
  };
}

/** Until the code is compiled, the statements are prepared and the tables are known to the planner. */
async function warm({ small, stage }: Context, pair: Pair): Promise<Pair> {
  await pair.roundTrips({ count: small ? 32 : WARM_UP, concurrency: UNDER_WAY });
  for (const url of pair.place.databases) await stage.analyze(url);
  return pair;
}
