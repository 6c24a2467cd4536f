import type { Machine } from './machine';
import type { ProcessorMs } from './processor-time';
import { pairedRatio, type Summary } from './statistics';

/** What a scenario found: printed with `--json`, kept in `bench/results`, drawn by the report. */
export interface ScenarioResult {
  readonly scenario: string;
  /** What is measured, and against what, in a sentence. */
  readonly measures: string;
  readonly startedAt: string;
  readonly tookSeconds: number;
  readonly parameters: Readonly<Record<string, number | string | boolean>>;
  readonly machine: Machine;
  readonly figures: readonly Figure[];
  readonly charts: readonly Chart[];
}

/** What a message costs; in the median of the rounds. */
export interface Cost {
  /** SQL statements that the databases executed, without BEGIN, COMMIT and ROLLBACK; undefined if nobody counts. */
  readonly statements?: number;
  /** Processor time, by process; undefined where the system does not tell. */
  readonly processorMs?: ProcessorMs;
  /** The statements that took most of the time, in one of the rounds. */
  readonly slowest?: readonly StatementCost[];
}

/** One statement, per message. */
export interface StatementCost {
  readonly statement: string;
  readonly calls: number;
  readonly planMs: number;
  readonly executionMs: number;
}

/** One line of the table. */
export interface Figure extends Summary {
  readonly name: string;
  readonly unit: string;
  readonly baseline?: Summary & { readonly name: string; readonly cost?: Cost };
  /** Ours through the baseline's, paired by round. */
  readonly ratio?: Summary;
  readonly cost?: Cost;
  readonly target?: Target;
  readonly reached?: boolean;
  /** Why a target is not reached, or what to know when reading the line. */
  readonly note?: string;
}

export interface Target {
  /** What has to keep the limit: the ratio, or the figure itself. */
  readonly of: 'ratio' | 'value';
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Chart {
  readonly name: string;
  readonly title: string;
  readonly x: { readonly name: string; readonly log?: boolean };
  readonly y: { readonly name: string; readonly log?: boolean };
  readonly series: readonly { readonly name: string; readonly points: readonly (readonly [number, number])[] }[];
}

export interface FigureInput extends Omit<Figure, 'ratio' | 'reached' | keyof Summary> {
  readonly ours: Summary;
}

/** Works out the ratio, whether the target is reached, and, if it is not, what was measured of the reason. */
export function figure({ ours, ...rest }: FigureInput): Figure {
  const { baseline, target } = rest;
  const ratio = baseline && pairedRatio(ours, baseline);
  const judged = target?.of === 'ratio' ? ratio?.median : ours.median;
  const reached = target && judged !== undefined ? within(judged, target) : undefined;
  return { ...rest, ...ours, ratio, reached, note: rest.note ?? (reached === false ? reasonIn(rest) : undefined) };
}

/** Where the processor time goes that the baseline does not need. */
function reasonIn({ cost, baseline }: Pick<Figure, 'cost' | 'baseline'>): string | undefined {
  const [ours, theirs] = [cost?.processorMs, baseline?.cost?.processorMs];
  if (!ours || !theirs) return undefined;
  const together = (cost: ProcessorMs): string => ms(Object.values(cost).reduce((sum, each) => sum + each, 0));
  const parts = Object.keys(ours).map((name) => `${name} ${ms(ours[name]!)} / ${ms(theirs[name] ?? 0)}`);
  return `a message takes ${together(ours)} ms of processor time, the baseline's ${together(theirs)} (${parts.join(', ')})`;
}

function ms(value: number): string {
  return value.toFixed(value < 0.1 ? 3 : 2);
}

function within(value: number, { atLeast = -Infinity, atMost = Infinity }: Target): boolean {
  return value >= atLeast && value <= atMost;
}

export function describeTarget({ of, atLeast, atMost }: Target): string {
  const limit = atLeast !== undefined ? `≥ ${atLeast}` : `≤ ${atMost}`;
  return of === 'ratio' ? `${limit} ×` : limit;
}
