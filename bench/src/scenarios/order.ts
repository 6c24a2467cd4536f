import { figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { summarise } from '../harness/statistics';
import { everyPurchaseArrived } from './arrived';
import { costing, type Measured, medianCost } from './cost';
import { ENTITY_OUTBOX, LIBRARY, libraryPair, type Pair, RAW_SINGLE, rawPair, typeormPair } from './pairs';
import { type Context, type Findings, type Scenario, size } from './scenario';

const CONCURRENCY = 32;
const IN_LINE = 'ordered, 1,000 keys';
const ONE_KEY = 'ordered, one key';
const ALONE = 'ordered, one key, none waiting';
const BY_HAND = 'hand-written loop, one at a time';
const THROUGH_ENTITIES = 'the same loop through TypeORM entities';
const BY_HAND_ALONE = 'hand-written loop, none waiting';

/** What order costs: among many keys, and with one, which is strictly serial. */
export const order: Scenario = {
  name: 'order',
  rounds: 5,
  measures:
    'round trips/s in order of 1,000 keys against none, and of one key against serial loops by hand, 32 under way or one',

  async run(context: Context): Promise<Findings> {
    const { rounds, stage, cleanup, progress } = context;
    const count = size(context, 2_000, 200);
    const serial = Math.ceil(count / 4);
    const alone = Math.ceil(count / 10);
    const broker = (): Promise<string> => stage.broker(cleanup);
    const unordered = await libraryPair(context, await broker());
    const inLine = await libraryPair(context, await broker(), { inLine: true });
    const byHand = await rawPair(context, await broker(), RAW_SINGLE, { serial: true });
    const throughEntities = await typeormPair(context, await broker(), ENTITY_OUTBOX, { serial: true });

    const variant = (name: string, pair: Pair, load: { count: number; users?: number }, concurrency = CONCURRENCY) => ({
      name,
      measure: (): Promise<Measured<number>> =>
        costing(context, pair.place, load.count, async () => {
          const { tookMs } = await pair.roundTrips({ ...load, concurrency });
          return (load.count / tookMs) * 1000;
        }),
    });
    const measured = await alternate(
      rounds,
      [
        variant(LIBRARY, unordered, { count }),
        variant(IN_LINE, inLine, { count }),
        variant(ONE_KEY, inLine, { count: serial, users: 1 }),
        variant(BY_HAND, byHand, { count: serial, users: 1 }),
        variant(THROUGH_ENTITIES, throughEntities, { count: serial, users: 1 }),
        variant(ALONE, inLine, { count: alone, users: 1 }, 1),
        variant(BY_HAND_ALONE, byHand, { count: alone, users: 1 }, 1),
      ],
      (name, round, { result }) => progress.line(`  round ${round}: ${result.toFixed(0)}/s · ${name}`),
    );
    for (const { place } of [unordered, inLine, byHand, throughEntities])
      await everyPurchaseArrived(...(place.databases as [string, string]));
    const against = (name: string, ours: string, baseline: string, atLeast?: number) => {
      const [own, other] = [measured.get(ours)!, measured.get(baseline)!];
      return figure({
        name,
        unit: 'round trips/s',
        ours: summarise(own.map(({ result }) => result)),
        cost: medianCost(own),
        baseline: { name: baseline, ...summarise(other.map(({ result }) => result)), cost: medianCost(other) },
        ...(atLeast !== undefined && { target: { of: 'ratio', atLeast } as const }),
      });
    };
    return {
      parameters: { messages: count, messagesOfOneKey: serial, oneAtATime: alone, concurrency: CONCURRENCY },
      figures: [
        against(IN_LINE, IN_LINE, LIBRARY, 0.7),
        against(`${ONE_KEY}, against the loop by hand`, ONE_KEY, BY_HAND, 0.8),
        against(`${ONE_KEY}, against the loop through entities`, ONE_KEY, THROUGH_ENTITIES, 0.8),
        against(ALONE, ALONE, BY_HAND_ALONE),
      ],
    };
  },
};
