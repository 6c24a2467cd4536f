import { figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { latencies, summarise } from '../harness/statistics';
import type { Watched } from '../library/watching';
import { everyPurchaseArrived } from './arrived';
import { costing, medianCost } from './cost';
import { LIBRARY, libraryPair } from './pairs';
import { type Context, type Findings, type Scenario, size } from './scenario';

const CONCURRENCY = 32;

/** Of the ratio to the same services unwatched. */
const TARGETS: readonly { watched: Watched; atLeast?: number }[] = [
  { watched: 'prometheus', atLeast: 0.9 },
  { watched: 'opentelemetry', atLeast: 0.9 },
  { watched: 'tracing without an SDK', atLeast: 0.98 },
  { watched: 'tracing' },
  { watched: 'prometheus and tracing' },
];

/** What it costs to be watched: both services as processes, every one with the same load. */
export const watched: Scenario = {
  name: 'watched',
  rounds: 5,
  measures: 'round trips/s with metrics and with tracing, against the same services without, 32 purchases under way',

  async run(context: Context): Promise<Findings> {
    const { rounds, stage, cleanup, progress, small } = context;
    const targets = small ? TARGETS.slice(-1) : TARGETS;
    const count = size(context, 3_000, 60);
    const kinds = [undefined, ...targets.map(({ watched }) => watched)];
    const pairs = [];
    for (const kind of kinds) {
      const pair = await libraryPair(context, await stage.broker(cleanup), { watched: kind });
      pairs.push({ ...pair, name: kind ?? LIBRARY });
    }
    const measured = await alternate(
      rounds,
      pairs.map((pair) => ({
        name: pair.name,
        measure: () =>
          costing(context, pair.place, count, async () => {
            const { tookMs, latenciesMs } = await pair.roundTrips({ count, concurrency: CONCURRENCY });
            return { perSecond: (count / tookMs) * 1000, p50: latencies(latenciesMs).p50 };
          }),
      })),
      (name, round, { result: { perSecond, p50 } }) =>
        progress.line(`  round ${round}: ${perSecond.toFixed(0)}/s, p50 ${p50.toFixed(1)} ms · ${name}`),
    );
    for (const { place } of pairs) await everyPurchaseArrived(...(place.databases as [string, string]));
    const perSecond = (name: string) => summarise(measured.get(name)!.map(({ result }) => result.perSecond));
    const cost = (name: string) => medianCost(measured.get(name)!);
    return {
      parameters: { messages: count, concurrency: CONCURRENCY },
      figures: targets.map(({ watched: name, atLeast }) =>
        figure({
          name,
          unit: 'round trips/s',
          ours: perSecond(name),
          cost: cost(name),
          baseline: { name: 'unwatched', ...perSecond(LIBRARY), cost: cost(LIBRARY) },
          ...(atLeast !== undefined && { target: { of: 'ratio', atLeast } }),
        }),
      ),
    };
  },
};
