import { type Processes, processorTime } from '../harness/processor-time';
import type { Cost, StatementCost } from '../harness/result';
import { isTimed, type TimedStatement, total } from '../engines/statements';
import { summarise } from '../harness/statistics';
import type { Context } from './scenario';

/** Enough to see where the time goes. */
const SLOWEST = 8;

/** Where work is done. The servers of the stage are looked at besides. */
export interface Place {
  readonly databases: readonly string[];
  /** The processes of the two sides, by name. */
  readonly processes: Processes;
}

export interface Measured<T> {
  readonly result: T;
  readonly cost: Cost;
}

/**
 * What `work` costs per message.
 * @param work may start processes: it tells `watch` of them when they have started, so that their start is not counted
 */
export async function costing<T>(
  { stage }: Context,
  { databases, processes }: Place,
  messages: number,
  work: (watch: (processes: Processes) => Promise<void>) => Promise<T>,
): Promise<Measured<T>> {
  await stage.statements.reset(databases);
  const watched = { ...stage.processes, ...processes };
  const before = await processorTime(watched);
  const result = await work(async (more) => {
    Object.assign(watched, more);
    Object.assign(before ?? {}, await processorTime(more));
  });
  const [counted, after] = [await stage.statements.read(databases), await processorTime(watched)];
  const perMessage = (name: string): number => (after![name]! - before![name]!) / messages;
  return {
    result,
    cost: {
      statements: counted && total(counted) / messages,
      processorMs: before && after && Object.fromEntries(Object.keys(after).map((name) => [name, perMessage(name)])),
      slowest: counted?.some(isTimed) ? slowest(counted.filter(isTimed), messages) : undefined,
    },
  };
}

function slowest(statements: readonly TimedStatement[], messages: number): StatementCost[] {
  return statements
    .map(({ statement, calls, planMs, executionMs }) => ({
      statement,
      calls: calls / messages,
      planMs: planMs / messages,
      executionMs: executionMs / messages,
    }))
    .sort((one, other) => other.planMs + other.executionMs - one.planMs - one.executionMs)
    .slice(0, SLOWEST);
}

/** The cost in the middle round, number by number; of the statements, the last round's. */
export function medianCost(rounds: readonly { readonly cost: Cost }[]): Cost {
  const median = (values: readonly (number | undefined)[]): number | undefined => {
    const known = values.filter((value) => value !== undefined);
    return known.length > 0 ? summarise(known).median : undefined;
  };
  const names = Object.keys(rounds[0]?.cost.processorMs ?? {});
  const processorMs = names.map((name) => [name, median(rounds.map(({ cost }) => cost.processorMs?.[name]))]);
  return {
    statements: median(rounds.map(({ cost }) => cost.statements)),
    processorMs: names.length > 0 ? (Object.fromEntries(processorMs) as Record<string, number>) : undefined,
    slowest: rounds.at(-1)?.cost.slowest,
  };
}
