import { type Chart, figure, type Figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { type Latencies, latencies, summarise } from '../harness/statistics';
import { costing, medianCost } from './cost';
import { LIBRARY, libraryPair, type Pair, RAW_COALESCED, rawPair, sustainableRate } from './pairs';
import { type Context, type Findings, type Scenario, size } from './scenario';

const SHARES = [0.25, 0.5, 0.75];
const PERCENTILES = ['p50', 'p95', 'p99'] as const;
const P50_AT_HALF_MS = 10;
/** Of the time by hand: where a person would notice first. */
const STRICTER: Readonly<Record<string, number>> = { 'one at a time, p50': 1.05, '50 %, p50': 1.3 };
const AT_MOST = 1.5;

/** From the acknowledged commit of the purchase to the moment its row is completed. */
export const latency: Scenario = {
  name: 'latency',
  measures: 'commit → completed in ms, at 25, 50 and 75 % of the sustainable rate and one at a time, against (b)',

  async run(context: Context): Promise<Findings> {
    const { stage, cleanup, progress, small } = context;
    const count = size(context, 4_000, 60);
    const seconds = small ? 0.5 : 3;
    const ours = await libraryPair(context, await stage.broker(cleanup));
    const raw = await rawPair(context, await stage.broker(cleanup), RAW_COALESCED);
    const sustainable = await sustainableRate(ours, count);
    progress.line(`  sustainable: ${sustainable.toFixed(0)}/s`);

    const alone = size(context, 300, 20);
    const figures = await compare(context, ours, raw, 'one at a time', alone, async (pair) => {
      return (await pair.roundTrips({ count: alone, concurrency: 1 })).latenciesMs;
    });
    const byRate = new Map<string, [number, number][]>();
    for (const share of SHARES) {
      const perSecond = sustainable * share;
      const found = await compare(context, ours, raw, `${share * 100} %`, perSecond * seconds, async (pair) => {
        return (await pair.atRate({ perSecond, seconds })).latenciesMs;
      });
      figures.push(...found);
      for (const [index, percentile] of PERCENTILES.entries()) {
        const { median, baseline } = found[index]!;
        add(byRate, `${LIBRARY} ${percentile}`, [share * 100, median]);
        add(byRate, `hand-written (b) ${percentile}`, [share * 100, baseline!.median]);
      }
    }
    return {
      parameters: { sustainablePerSecond: Math.round(sustainable), secondsPerRate: seconds, oneAtATime: alone },
      figures,
      charts: [chart(byRate)],
    };
  },
};

async function compare(
  context: Context,
  ours: Pair,
  raw: Pair,
  name: string,
  messages: number,
  measure: (pair: Pair) => Promise<readonly number[]>,
): Promise<Figure[]> {
  const { rounds, progress } = context;
  const measured = await alternate(
    rounds,
    [ours, raw].map((pair) => ({
      name: pair.name,
      measure: async () => {
        const { result, cost } = await costing(context, pair.place, messages, () => measure(pair));
        return { ...latencies(result), cost };
      },
    })),
    (pair, round, { p50, p95, p99 }) =>
      progress.line(
        `  round ${round}: ${name}: p50 ${p50.toFixed(1)}, p95 ${p95.toFixed(1)}, p99 ${p99.toFixed(1)} ms · ${pair}`,
      ),
  );
  const summary = (pair: Pair, percentile: keyof Latencies) =>
    summarise(measured.get(pair.name)!.map((round) => round[percentile]));
  const cost = (pair: Pair) => medianCost(measured.get(pair.name)!);
  const compared = PERCENTILES.map((percentile) =>
    figure({
      name: `${name}, ${percentile}`,
      unit: 'ms',
      ours: summary(ours, percentile),
      cost: cost(ours),
      baseline: { name: raw.name, ...summary(raw, percentile), cost: cost(raw) },
      target: { of: 'ratio', atMost: STRICTER[`${name}, ${percentile}`] ?? AT_MOST },
    }),
  );
  if (name !== '50 %') return compared;
  const target = { of: 'value', atMost: P50_AT_HALF_MS } as const;
  return [...compared, figure({ name: '50 %, p50 in itself', unit: 'ms', ours: summary(ours, 'p50'), target })];
}

function add(map: Map<string, [number, number][]>, key: string, point: [number, number]): void {
  map.set(key, [...(map.get(key) ?? []), point]);
}

function chart(byRate: ReadonlyMap<string, [number, number][]>): Chart {
  return {
    name: 'latency',
    title: 'Commit → completed',
    x: { name: '% of the sustainable rate' },
    y: { name: 'ms', log: true },
    series: [...byRate].map(([name, points]) => ({ name, points })),
  };
}
