import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { columns, costRows, otherNodes, short, statementRows } from '../harness/format';
import type { ScenarioResult } from '../harness/result';
import { type Kept, readResults } from '../harness/results-folder';
import { drawChart } from './chart';
import { updateReadme } from './readme';
import { table } from './table';

const HEADER = `# Benchmark results

Written by \`npm run bench -- report\` from the JSON files beside it; do not edit. Figures of one machine mean nothing
alone: read the ratios. Every baseline was measured in the same run, in turns with the library, and the ratio compares
neighbouring rounds. SQL statements are counted by the database itself, without BEGIN and COMMIT (MariaDB counts for the
whole server: what idle relays ask is among them); processor time by the kernel, for every process with its children, in
the middle round. What ends in \`-mariadb\` is the same scenario on MariaDB. The goals are PostgreSQL's.

Run it yourself: \`npm run bench -- all\`, or one scenario: \`npm run bench -- --help\` lists them. Why a goal is
missed: [docs/speed.md](../../docs/speed.md).
`;

/** Pages that show the round trip. */
const READMES = ['README.md', 'README.zh-CN.md'];

/** Writes `latest.md` and its charts from the kept results, and the round trip into the READMEs. @returns its path */
export async function writeReport(folder: string, scenarios: readonly string[], root: string): Promise<string> {
  const results = await Promise.all(scenarios.map((scenario) => readResults(folder, scenario)));
  const found = results.filter((kept) => kept !== undefined);
  if (found.length === 0) throw new Error(`There are no results in ${folder} yet: run a scenario first.`);
  await mkdir(folder, { recursive: true });
  for (const chart of found.flatMap(([{ charts }]) => charts)) {
    await writeFile(join(folder, `${chart.name}.svg`), `${drawChart(chart)}\n`);
  }
  const path = join(folder, 'latest.md');
  await writeFile(path, reportText(found));
  const roundTrip = found.find(([{ scenario }]) => scenario === 'roundtrip');
  if (roundTrip) await Promise.all(READMES.map((name) => updateReadme(join(root, name), roundTrip)));
  return path;
}

/** The report as Markdown. */
export function reportText(results: readonly Kept[]): string {
  return [HEADER, ...results.map(section)].join('\n');
}

function section([result, ...others]: Kept): string {
  const { scenario, measures, parameters, startedAt, tookSeconds, figures, charts } = result;
  const [costs, statements] = [costRows(result), statementRows(result)];
  const baselines = new Set(figures.flatMap(({ baseline }) => baseline?.name ?? []));
  const notes = figures.flatMap(({ name, note }) => (note === undefined ? [] : [`- *${name}*: ${note}`]));
  return [
    `## ${scenario}`,
    '',
    `${sentence(measures)}`,
    '',
    ...[...baselines].map((name) => `- baseline: ${name}`),
    `- parameters: ${Object.entries(parameters)
      .map(([name, value]) => `${name} ${typeof value === 'number' ? short(value) : String(value)}`)
      .join(', ')}`,
    `- ${machineOf(result)}`,
    ...others.map((other) => `- the last columns: ${machineOf(other)}`),
    `- ${startedAt.slice(0, 16).replace('T', ' ')} UTC, took ${tookSeconds} s`,
    '',
    table(figures.map((each) => ({ ...columns(each), ...otherNodes(each.name, others) }))),
    '',
    ...(costs.length > 0 ? [table(costs), ''] : []),
    ...(statements.length > 0 ? folded('Statements, by their time per message', table(statements)) : []),
    ...(notes.length > 0 ? [...notes, ''] : []),
    ...charts.flatMap(({ name, title }) => [`![${title}](${name}.svg)`, '']),
  ].join('\n');
}

function folded(summary: string, content: string): string[] {
  return ['<details>', `<summary>${summary}</summary>`, '', content, '', '</details>', ''];
}

function machineOf({ machine }: ScenarioResult): string {
  const { cores, cpu, memoryGiB, os, node, postgres, mariadb, rabbitmq, loadBefore } = machine;
  const database = postgres === undefined ? `MariaDB ${mariadb}` : `PostgreSQL ${postgres}`;
  return `${cores} cores (${cpu}), ${memoryGiB} GiB, ${os}, Node ${node}, ${database}, RabbitMQ ${rabbitmq}; load before: ${loadBefore.toFixed(1)}`;
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
