import { describeTarget, type Figure, type ScenarioResult } from './result';

/** A number as a person reads it. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en');
  return size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** The columns of a figure, for the terminal and for the report. */
export function columns(figure: Figure): Record<string, string> {
  const { baseline, ratio, target, reached, statementsPerMessage, baselineStatementsPerMessage } = figure;
  const range = ({ median, min, max }: { median: number; min: number; max: number }): string =>
    `${short(median)} [${short(min)}–${short(max)}]`;
  const statements = [statementsPerMessage, baselineStatementsPerMessage]
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

/** A scenario for the terminal. */
export function describeResult(result: ScenarioResult): string {
  const rows = result.figures.map(columns);
  const names = Object.keys(rows[0] ?? {});
  const widths = names.map((name) => Math.max(name.length, ...rows.map((row) => row[name]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => cell.padEnd(widths[index]!))
      .join('  ')
      .trimEnd();
  const baselines = [
    ...new Set(result.figures.map(({ baseline }) => baseline?.name).filter((name) => name !== undefined)),
  ];
  return [
    `${result.scenario}: ${result.measures}`,
    ...baselines.map((name) => `  baseline: ${name}`),
    '',
    line(names),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map((row) => line(names.map((name) => row[name]!))),
    ...result.figures.flatMap(({ name, note }) => (note ? [`  ${name}: ${note}`] : [])),
    '',
  ].join('\n');
}
