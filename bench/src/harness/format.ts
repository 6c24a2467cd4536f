import type { ProcessorMs } from './processor-time';
import { type Cost, describeTarget, type Figure, type ScenarioResult } from './result';
import { nodeLine } from './results-folder';

/** A number as a person reads it. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en');
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** The columns of a figure, for the terminal and for the report. */
export function columns(figure: Figure): Record<string, string> {
  const { baseline, ratio, target, reached, cost } = figure;
  const range = ({ median, min, max }: { median: number; min: number; max: number }): string =>
    `${short(median)} [${short(min)}–${short(max)}]`;
  const statements = [cost?.statements, baseline?.cost?.statements]
    .map((count) => (count === undefined ? '–' : count.toFixed(2)))
    .join(' / ');
  return {
    figure: figure.name,
    unit: figure.unit,
    'median [min–max]': range(figure),
    baseline: baseline ? range(baseline) : '–',
    ratio: ratio ? range(ratio) : '–',
    'SQL per message, ours / baseline': statements === '– / –' ? '–' : statements,
    target: target ? describeTarget(target) : '–',
    reached: reached === undefined ? '–' : reached ? 'yes' : 'no',
  };
}

/** The same with other release lines of Node: a column each, of the ratio, or of the median where there is none. */
export function otherNodes(name: string, others: readonly ScenarioResult[]): Record<string, string> {
  const columns = others.map((result) => {
    const found = result.figures.find((figure) => figure.name === name);
    return [`Node ${nodeLine(result)}`, found ? short((found.ratio ?? found).median) : '–'] as const;
  });
  return Object.fromEntries(columns);
}

/** Processor time per message, ours and the baseline's; figures of one measurement share a row. Empty if nobody told. */
export function costRows({ figures }: ScenarioResult): Record<string, string>[] {
  const known = figures.filter(({ cost }) => cost?.processorMs);
  const processes = [...new Set(known.flatMap(({ cost }) => Object.keys(cost!.processorMs!)))];
  const rows = known.map(({ name, cost, baseline }) => {
    const [ours, theirs] = [cost!.processorMs!, baseline?.cost?.processorMs];
    const both = (of: (cost: ProcessorMs) => number | undefined): string =>
      [of(ours), theirs && of(theirs)].map((ms) => ms?.toFixed(3) ?? '–').join(' / ');
    return {
      'processor time per message': name,
      unit: 'ms, ours / baseline',
      ...Object.fromEntries(processes.map((process) => [process, both((cost) => cost[process])])),
      together: both((cost) => Object.values(cost).reduce((sum, ms) => sum + ms, 0)),
    };
  });
  const numbers = (row: Record<string, string>): string => Object.values(row).slice(1).join();
  return rows.filter((row, index) => rows.findIndex((other) => numbers(other) === numbers(row)) === index);
}

/** Where PostgreSQL's time goes; figures of one measurement are named once. Empty if nobody counts. */
export function statementRows({ figures }: ScenarioResult): Record<string, string>[] {
  const all = figures.flatMap(({ name, cost, baseline }): [string, Cost | undefined][] => [
    [name, cost],
    ...(baseline ? [[baseline.name, baseline.cost] as [string, Cost | undefined]] : []),
  ]);
  const seen = new Set<string>();
  return all.flatMap(([name, cost]) => {
    const key = JSON.stringify(cost?.slowest);
    if (!cost?.slowest || seen.has(key)) return [];
    seen.add(key);
    return cost.slowest.map(({ statement, calls, planMs, executionMs }) => ({
      'time in PostgreSQL': name,
      statement: `\`${statement.replaceAll('|', '\\|')}\``,
      'calls per message': calls.toFixed(2),
      'planning, µs': (planMs * 1000).toFixed(0),
      'execution, µs': (executionMs * 1000).toFixed(0),
    }));
  });
}

/** A scenario for the terminal. */
export function describeResult(result: ScenarioResult): string {
  const baselines = [
    ...new Set(result.figures.map(({ baseline }) => baseline?.name).filter((name) => name !== undefined)),
  ];
  return [
    `${result.scenario}: ${result.measures}`,
    ...baselines.map((name) => `  baseline: ${name}`),
    ...[result.figures.map(columns), costRows(result)].filter((rows) => rows.length > 0).flatMap(aligned),
    ...result.figures.flatMap(({ name, note }) => (note ? [`  ${name}: ${note}`] : [])),
    '',
  ].join('\n');
}

function aligned(rows: readonly Record<string, string>[]): string[] {
  const names = Object.keys(rows[0] ?? {});
  const widths = names.map((name) => Math.max(name.length, ...rows.map((row) => row[name]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => cell.padEnd(widths[index]!))
      .join('  ')
      .trimEnd();
  return [
    '',
    line(names),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map((row) => line(names.map((name) => row[name]!))),
  ];
}
