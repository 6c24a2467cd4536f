import { isTimed } from '../engines/statements';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { ORDERS } from '../business/order-requested';
import { type Chart, figure, type Figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { latencies, summarise } from '../harness/statistics';
import { addFinalRows, addOldRows, addParkedRows, addPendingRows, vacuum } from './growth-tables';
import { libraryPair, type Pair } from './pairs';
import { type Context, type Findings, type Scenario, size } from './scenario';

const EMPTY = 'empty tables';
/** Polls this often, so that a second of watching sees enough of them. */
const POLL_MS = 20;

interface Round {
  /** One purchase at a time. */
  readonly roundTripMs: number;
  /** Of a claim that finds nothing; undefined if nobody measures statements. */
  readonly claimMs: number | undefined;
}

/** Whether it stays fast when the tables do not stay small. Measured in turns with a second pair on empty tables. */
export const growth: Scenario = {
  name: 'growth',
  measures:
    'claim, round trip and search in ms with many final or waiting rows, while pruning, with a snapshot held open',

  async run(context: Context): Promise<Findings> {
    const { stage, cleanup, progress } = context;
    const largest = size(context, 2_000_000, 10_000);
    const sizes = [largest / 50, largest / 5, largest].map(Math.ceil);
    const open = async () => libraryPair(context, await stage.broker(cleanup), { outbox: { pollInterval: POLL_MS } });
    const [empty, full] = [await open(), await open()];
    const points: [number, number][] = [];
    const figures: Figure[] = [];
    let before = 0;
    for (const rows of sizes) {
      progress.line(`  adding final rows up to ${rows}`);
      await addFinalRows(full, before + 1, rows);
      before = rows;
      const found = await compare(context, empty, full, `${short(rows)} final rows`, 1.5);
      if (points.length === 0) points.push([1, found[0]!.baseline!.median]);
      points.push([rows, found[0]!.median]);
      figures.push(...found);
    }
    const pending = Math.ceil(largest / 50);
    await addPendingRows(full, pending);
    figures.push(...(await compare(context, empty, full, `and ${short(pending)} pending`, 1.5)));
    await addParkedRows(full, Math.ceil(largest / 1_000));
    figures.push(...(await searching(context, full)));
    figures.push(...(await whilePruning(context, empty, full, Math.ceil(largest / 25))));
    figures.push(...(await withSnapshot(context, empty, full)));
    return { parameters: { finalRows: largest, pending }, figures, charts: [chart(points)] };
  },
};

/** One word each, as a person types them who looks around.. */
const FILTERS = [
  '',
  'state:parked',
  'state:open',
  'state:completed',
  'id:01900001-0000-7000-8000-000000000001',
  'type:order.*',
  `to:${ORDERS}`,
  'newer:2d',
];

async function searching({ progress, small, rounds }: Context, full: Pair): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const filter of FILTERS) {
    const p95s: number[] = [];
    for (let round = 1; round <= rounds; round += 1)
      p95s.push(latencies(await full.search!({ filter, times: small ? 3 : 40 })).p95);
    const name = `a page of 50, ${filter || 'no filter'}, p95`;
    figures.push(figure({ name, unit: 'ms', ours: summarise(p95s), target: { of: 'value', atMost: 50 } }));
    progress.line(`  ${name}: ${p95s.map((ms) => ms.toFixed(1)).join(', ')} ms`);
  }
  return figures;
}

async function whilePruning(context: Context, empty: Pair, full: Pair, rows: number): Promise<Figure[]> {
  await addOldRows(full, rows);
  const began = performance.now();
  let tookMs = 0;
  const pruning = full.prune!().then(() => (tookMs = performance.now() - began));
  const figures = await compare(context, empty, full, 'while pruning');
  await pruning;
  const perSecond = (rows / tookMs) * 1000;
  return [...figures, figure({ name: 'pruning', unit: 'messages/s', ours: summarise([perSecond]) })];
}

/** No row that was changed meanwhile can be cleaned away: claims wade through them. */
async function withSnapshot(context: Context, empty: Pair, full: Pair): Promise<Figure[]> {
  const { cleanup, small } = context;
  const [users] = full.place.databases as [string];
  const reader = new Client({ connectionString: users });
  await reader.connect();
  cleanup.defer(() => reader.end());
  await reader.query('begin isolation level repeatable read; select count(*) from outbox_schema -- bench');
  const churn = { count: small ? 200 : 10_000, concurrency: 32 };
  await full.roundTrips(churn);
  const held = await compare(context, empty, full, `snapshot held through ${short(churn.count)} round trips`);
  await reader.query('rollback -- bench');
  await vacuum(users, 'outbox_delivery');
  return [...held, ...(await compare(context, empty, full, 'snapshot released', 1.5))];
}

async function compare(context: Context, empty: Pair, full: Pair, name: string, atMost?: number): Promise<Figure[]> {
  const measured = await alternate(
    context.rounds,
    [
      { name: EMPTY, measure: () => measure(context, empty) },
      { name, measure: () => measure(context, full) },
    ],
    (what, round, { roundTripMs, claimMs }) =>
      context.progress.line(
        `  round ${round}: round trip ${roundTripMs.toFixed(1)} ms, claim ${claimMs?.toFixed(3)} ms · ${what}`,
      ),
  );
  const line = (what: string, of: (round: Round) => number | undefined): Figure[] => {
    const [ours, baseline] = [name, EMPTY].map((key) => measured.get(key)!.flatMap((round) => of(round) ?? []));
    if (ours!.length === 0) return [];
    return [
      figure({
        name: `${name}, ${what}`,
        unit: 'ms',
        ours: summarise(ours!),
        baseline: { name: EMPTY, ...summarise(baseline!) },
        target: atMost === undefined ? undefined : { of: 'ratio', atMost },
      }),
    ];
  };
  return [...line('round trip p50', ({ roundTripMs }) => roundTripMs), ...line('idle claim', ({ claimMs }) => claimMs)];
}

async function measure({ stage, small }: Context, pair: Pair): Promise<Round> {
  const { latenciesMs } = await pair.roundTrips({ count: small ? 10 : 100, concurrency: 1 });
  const [users] = pair.place.databases as [string];
  await stage.statements.reset([users]);
  await sleep(small ? 200 : 500);
  const claim = (await stage.statements.read([users]))
    ?.filter(isTimed)
    .find(({ statement }) => statement === 'outbox.claim');
  return {
    roundTripMs: latencies(latenciesMs).p50,
    claimMs: claim && (claim.planMs + claim.executionMs) / claim.calls,
  };
}

function short(count: number): string {
  if (count >= 1_000_000) return `${count / 1_000_000} M`;
  return count >= 1_000 ? `${count / 1_000} k` : String(count);
}

function chart(points: readonly (readonly [number, number])[]): Chart {
  return {
    name: 'growth',
    title: 'Round trip p50, one at a time, by final rows',
    x: { name: 'final rows', log: true },
    y: { name: 'ms' },
    series: [{ name: 'library', points }],
  };
}
