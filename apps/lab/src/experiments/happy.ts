import { CostMeter, type Costs } from '../observers/costs';
import { LockSampler } from '../observers/locks';
import { Probe, type Seen } from '../observers/probe';
import { type Books, readBooks } from '../observers/books';
import { PRICE, type World } from '../world/world';

/** A row of table A: nothing goes wrong. Plain data. */
export interface HappyRow {
  readonly protocol: string;
  readonly purchases: number;
  /** Until the shopper had an answer. */
  readonly client: Quantiles;
  /** Until it was known how it ended. */
  readonly final: Quantiles;
  /** For each purchase. */
  readonly costs: Costs;
  readonly seen: Seen;
  /** For each purchase. */
  readonly lockMs: number;
  /** Purchases per second to their end, by as many customers, and all by one. */
  readonly cold: number;
  readonly hot: number;
  /** Purchases that could have been orders and are none: somebody lost patience. */
  readonly givenUp: number;
  /** In the end, over all customers, in cents and pieces: 0. */
  readonly deviation: number;
}

export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
}

export interface Size {
  /** One after the other. */
  readonly purchases: number;
  /** Several at a time. */
  readonly burst: number;
}

export const SMALL: Size = { purchases: 10, burst: 30 };
export const FULL: Size = { purchases: 100, burst: 600 };

const CUSTOMERS = 1_000;
const CLIENTS = 16;
/** One in so many is rejected. */
const REJECTED = 10;

export async function runHappyPath(world: World, { purchases, burst }: Size): Promise<HappyRow> {
  const [hot, ...others] = await world.newCustomers(CUSTOMERS + 1);
  let possible = 0;
  const onHotShelf = (customer: number, index: number): Promise<{ answeredMs: number; finalMs: number }> => {
    const rejected = index % REJECTED === REJECTED - 1;
    if (!rejected) possible += 1;
    return world.buyToTheEnd(world.request(customer, rejected, hot));
  };
  const oneByOne = async (count: number): Promise<{ answeredMs: number; finalMs: number }[]> => {
    const times = [];
    for (let index = 0; index < count; index++) times.push(await onHotShelf(hot!, index));
    return times;
  };
  const together = async (customerOf: (index: number) => number): Promise<number> => {
    const began = performance.now();
    let next = 0;
    const client = async (): Promise<void> => {
      for (let index = next++; index < burst; index = next++) await onHotShelf(customerOf(index), index);
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    return (burst * 1_000) / (performance.now() - began);
  };

  await oneByOne(Math.ceil(purchases / 5)); // warm up
  const meter = await CostMeter.start(world);
  const times = await oneByOne(purchases);
  const costs = await meter.stop();

  const probe = new Probe(world, hot!);
  const watched = Math.ceil(purchases / 2);
  const locks = await LockSampler.start(world.databaseUrls.user);
  await oneByOne(watched);
  const lockMs = (await locks.stop()) / watched;
  const seen = await probe.stop();

  const cold = await together((index) => others[index % others.length]!);
  const hotRate = await together(() => hot!);
  return {
    protocol: world.protocol.name,
    purchases,
    client: quantiles(times.map(({ answeredMs }) => answeredMs)),
    final: quantiles(times.map(({ finalMs }) => finalMs)),
    costs: each(costs, purchases),
    seen,
    lockMs,
    cold,
    hot: hotRate,
    ...(await inTheEnd(world, [hot!, ...others], possible)),
  };
}

async function inTheEnd(
  world: World,
  customers: readonly number[],
  possible: number,
): Promise<Pick<HappyRow, 'givenUp' | 'deviation'>> {
  const books = await Promise.all(customers.map((customer) => readBooks(world, customer)));
  const sum = (of: (books: Books) => number): number => books.reduce((total, each) => total + of(each), 0);
  // All were served from one shelf: the pieces that one customer's books miss are the others'.
  const deviation = sum(({ money }) => Math.abs(money)) + Math.abs(sum(({ pieces }) => pieces));
  return { givenUp: possible - sum(({ ordered }) => ordered) / PRICE, deviation };
}

function each(costs: Costs, purchases: number): Costs {
  const { commits, wal, statements, messages, calls } = costs;
  return {
    commits: commits / purchases,
    wal: wal / purchases,
    statements: statements / purchases,
    messages: messages / purchases,
    calls: calls / purchases,
  };
}

function quantiles(values: readonly number[]): Quantiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
  return { p50: at(0.5), p95: at(0.95) };
}
