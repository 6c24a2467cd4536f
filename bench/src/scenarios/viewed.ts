import { figure } from '../harness/result';
import { alternate } from '../harness/rounds';
import { type CountedStatement, total } from '../engines/statements';
import { latencies, summarise } from '../harness/statistics';
import { everyPurchaseArrived } from './arrived';
import { costing, medianCost } from './cost';
import { addFinalRows } from './growth-tables';
import { libraryPair, type Pair, sustainableRate } from './pairs';
import { type Context, type Findings, type Scenario, size } from './scenario';
import { Tabs } from './tabs';

const TABS = 20;
const ALONE = 'nobody looks';
const LOOKED_AT = `${TABS} open tabs`;

interface Load {
  readonly perSecond: number;
  readonly seconds: number;
}

/** Of what it can keep up with without anybody looking. */
const SHARE = 0.5;
const SECONDS = 15;
/** Long enough to be told a few times. */
const SMALL: Load = { perSecond: 40, seconds: 4 };

interface Round {
  readonly perSecond: number;
  readonly p95: number;
  /** What the producer's database was asked meanwhile; undefined if nobody counts. */
  readonly asked: readonly CountedStatement[] | undefined;
  readonly seconds: number;
  /** Of the tabs, if there are any. */
  readonly gapsMs: readonly number[];
  readonly unanswered: number;
}

/** What it costs a busy service with large tables that people have its dashboard open. */
export const viewed: Scenario = {
  name: 'viewed',
  measures: `messages/s with ${TABS} tabs of the dashboard open, at an even rate, with many final rows, against the same without`,

  async run(context: Context): Promise<Findings> {
    const { rounds, stage, cleanup, progress, small } = context;
    const finalRows = size(context, 5_000_000, 10_000);
    const pair = await libraryPair(context, await stage.broker(cleanup), { dashboard: true });
    progress.line(`  adding ${finalRows} final rows`);
    await addFinalRows(pair, 1, finalRows);
    const load = small ? SMALL : await halfOfWhatIsSustained(pair);
    progress.line(`  ${load.perSecond} a second`);
    const measured = await alternate(
      rounds,
      [
        { name: ALONE, measure: () => measure(context, pair, load, 0) },
        { name: LOOKED_AT, measure: () => measure(context, pair, load, TABS) },
      ],
      (name, round, { result: { perSecond, p95, unanswered } }) =>
        progress.line(
          `  round ${round}: ${perSecond.toFixed(0)}/s, p95 ${p95.toFixed(1)} ms, ${unanswered} looks unanswered · ${name}`,
        ),
    );
    await everyPurchaseArrived(...(pair.place.databases as [string, string]));

    const [alone, lookedAt] = [measured.get(ALONE)!, measured.get(LOOKED_AT)!];
    const of = (what: typeof alone, pick: (round: Round) => number) =>
      summarise(what.map(({ result }) => pick(result)));
    const costs = { cost: medianCost(lookedAt), baseline: medianCost(alone) };
    const compared = (name: string, unit: string, pick: (round: Round) => number, atLeast?: number) =>
      figure({
        name: `${name}, ${LOOKED_AT}`,
        unit,
        ours: of(lookedAt, pick),
        cost: costs.cost,
        baseline: { name: ALONE, ...of(alone, pick), cost: costs.baseline },
        ...(atLeast !== undefined && { target: { of: 'ratio', atLeast } }),
      });
    const one = (name: string, unit: string, pick: (round: Round) => number, atMost: number) =>
      figure({ name, unit, ours: of(lookedAt, pick), target: { of: 'value', atMost } });
    const usual = new Set(alone.flatMap(({ result }) => result.asked?.map(({ statement }) => statement) ?? []));
    const added = ({ asked, seconds }: Round): number =>
      total(asked!.filter(({ statement }) => !usual.has(statement) && !BY_ITSELF.test(statement))) / seconds;
    return {
      parameters: { finalRows, perSecond: load.perSecond, seconds: load.seconds, tabs: TABS },
      figures: [
        compared('completed', 'messages/s', ({ perSecond }) => perSecond, 0.97),
        compared('round trip p95', 'ms', ({ p95 }) => p95),
        ...(stage.statements.available
          ? [one(`statements that ${LOOKED_AT} add`, 'per second', added, MOST_STATEMENTS)]
          : []),
        one('from one update to the next, p95', 'ms', ({ gapsMs }) => latencies(gapsMs).p95, MOST_GAP_MS),
        one('looks without an answer', 'of all tabs', ({ unanswered }) => unanswered, 0),
      ],
    };
  },
};

/** What the library does once a minute, whoever looks: perhaps not while nobody did. */
const BY_ITSELF = /^(outbox|inbox)\.prune/;
const MOST_STATEMENTS = 2;
/** A look begins a second after the last one ended. */
const MOST_GAP_MS = 1_250;

async function halfOfWhatIsSustained(pair: Pair): Promise<Load> {
  return { perSecond: Math.round(SHARE * (await sustainableRate(pair, 4_000))), seconds: SECONDS };
}

async function measure(context: Context, pair: Pair, load: Load, count: number) {
  const { stage } = context;
  const messages = load.perSecond * load.seconds;
  const tabs = await Tabs.open(await pair.dashboardUrl!(), count);
  try {
    // From one look to another: else there would be one more in it than belongs to so many seconds, or one less.
    await tabs.next();
    tabs.clear();
    const began = performance.now();
    return await costing(context, pair.place, messages, async (): Promise<Round> => {
      const { tookMs, latenciesMs } = await pair.atRate(load);
      await tabs.next();
      const seconds = (performance.now() - began) / 1000;
      return {
        perSecond: (messages / tookMs) * 1000,
        p95: latencies(latenciesMs).p95,
        asked: await stage.statements.read([pair.place.databases[0]!]),
        seconds,
        gapsMs: tabs.gaps(),
        unanswered: tabs.unanswered,
      };
    });
  } finally {
    tabs.close();
  }
}
