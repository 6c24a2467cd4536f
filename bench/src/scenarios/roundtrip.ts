import { ENGINE_NAMES, ENGINES } from '../engines/engine';
import { figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { latencies, summarise } from '../harness/statistics';
import { everyPurchaseArrived } from './arrived';
import { costing, type Measured, medianCost } from './cost';
import {
  DUAL_WRITE,
  ENTITY_OUTBOX,
  LIBRARY,
  LIBRARY_ARRAYS,
  LIBRARY_GROUPED,
  type LibraryName,
  libraryPair,
  type Pair,
  RAW_COALESCED,
  RAW_SINGLE,
  rawPair,
  typeormPair,
} from './pairs';
import { type Context, type Findings, goal, type Scenario, size } from './scenario';

const CONCURRENCY = 32;
/** For the chart: throughput against purchases under way. */
const OTHER_CONCURRENCIES = { large: [1, 8, 128], small: [8] };

/** Ratios, by the hand-written version they are measured against. */
const TARGETS: Readonly<Record<LibraryName, { a: number; b: number; c: number }>> = {
  [LIBRARY]: { a: 1.1, b: 0.8, c: 0.8 },
  [LIBRARY_GROUPED]: { a: 1.3, b: 1, c: 1 },
  [LIBRARY_ARRAYS]: { a: 1.4, b: 1.1, c: 1 },
};

interface Round {
  readonly perSecond: number;
  readonly p50: number;
}

/** The whole way, both services as processes: debit → order → receipt → completed. */
export const roundtrip: Scenario = {
  name: 'roundtrip',
  engines: ENGINES,
  rounds: 5,
  measures:
    'round trips/s, debit → order → receipt → completed, 32 purchases under way, against hand-written ones and an unsafe one',

  async run(context: Context): Promise<Findings> {
    const { rounds, stage, cleanup, progress, small } = context;
    const count = size(context, 2_000, 60);
    const broker = (): Promise<string> => stage.broker(cleanup);
    const pairs = [
      await libraryPair(context, await broker()),
      await libraryPair(context, await broker(), { name: LIBRARY_GROUPED }),
      await libraryPair(context, await broker(), { name: LIBRARY_ARRAYS }),
      await rawPair(context, await broker(), RAW_SINGLE),
      await rawPair(context, await broker(), RAW_COALESCED),
      await typeormPair(context, await broker(), DUAL_WRITE),
      await typeormPair(context, await broker(), ENTITY_OUTBOX),
    ];
    const run = (pair: Pair, count: number, concurrency: number): Promise<Measured<Round>> =>
      costing(context, pair.place, count, async () => {
        const { tookMs, latenciesMs } = await pair.roundTrips({ count, concurrency });
        return { perSecond: (count / tookMs) * 1000, p50: latencies(latenciesMs).p50 };
      });

    const measured = await alternate(
      rounds,
      pairs.map((pair) => ({ name: pair.name, measure: () => run(pair, count, CONCURRENCY) })),
      (name, round, { result: { perSecond, p50 } }) =>
        progress.line(`  round ${round}: ${perSecond.toFixed(0)}/s, p50 ${p50.toFixed(1)} ms · ${name}`),
    );
    const perSecond = (name: string) => summarise(measured.get(name)!.map(({ result }) => result.perSecond));
    const cost = (name: string) => medianCost(measured.get(name)!);
    const against = (ours: string, letter: string, name: string, atLeast: number) =>
      figure({
        name: `${ours}, against (${letter})`,
        unit: 'round trips/s',
        ours: perSecond(ours),
        cost: cost(ours),
        baseline: { name, ...perSecond(name), cost: cost(name) },
        ...goal(context, atLeast),
      });

    const points = new Map(
      pairs.map(({ name }) => [name, [[CONCURRENCY, perSecond(name).median]] as [number, number][]]),
    );
    for (const concurrency of OTHER_CONCURRENCIES[small ? 'small' : 'large']) {
      for (const pair of pairs) {
        const { result } = await run(
          pair,
          Math.ceil(Math.min(count / 4, Math.max(50, (count * concurrency) / 8))),
          concurrency,
        );
        points.get(pair.name)!.push([concurrency, result.perSecond]);
        progress.line(`  ${concurrency} under way: ${result.perSecond.toFixed(0)}/s · ${pair.name}`);
      }
    }
    for (const { place } of pairs) await everyPurchaseArrived(...(place.databases as [string, string]));
    return {
      parameters: { messages: count, concurrency: CONCURRENCY },
      figures: (Object.keys(TARGETS) as LibraryName[]).flatMap((ours) => [
        against(ours, 'a', RAW_SINGLE, TARGETS[ours].a),
        against(ours, 'b', RAW_COALESCED, TARGETS[ours].b),
        against(ours, 'c, unsafe', DUAL_WRITE, TARGETS[ours].c),
        against(ours, 'd', ENTITY_OUTBOX, 1.3),
      ]),
      charts: [
        {
          name: stage.engine === 'postgres' ? 'throughput' : `throughput-${stage.engine}`,
          title: `Round trips per second, ${ENGINE_NAMES[stage.engine]}`,
          x: { name: 'purchases under way', log: true },
          y: { name: 'round trips/s' },
          series: [...points].map(([name, found]) => ({ name, points: found.sort(([a], [b]) => a - b) })),
        },
      ],
    };
  },
};
