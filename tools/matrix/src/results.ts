import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Counts } from './jest-run';

/** What one suite did with one version. */
export interface Result extends Counts {
  /** As it was asked for: `rabbitmq@4.0`. */
  readonly asked: string;
  readonly product: string;
  readonly version: string;
  readonly suite: string;
  readonly date: string;
  /** Everything was run by. */
  readonly node: string;
  readonly seconds: number;
}

const RESULTS = join(__dirname, '..', 'results.json');
export const PAGE = join(__dirname, '../../../docs/operations.md');

export async function readResults(file = RESULTS): Promise<Result[]> {
  return JSON.parse(await readFile(file, 'utf8')) as Result[];
}

/** The last run of a suite with a version counts; the rest stays as it was. */
export function withResult(results: readonly Result[], latest: Result): Result[] {
  const same = ({ asked, suite }: Result): boolean => asked === latest.asked && suite === latest.suite;
  return [...results.filter((result) => !same(result)), latest].sort(
    (a, b) =>
      a.product.localeCompare(b.product) ||
      a.version.localeCompare(b.version, 'en', { numeric: true }) ||
      a.suite.localeCompare(b.suite),
  );
}

/** Writes the results down, and the table into the page about operations. */
export async function keepResults(results: readonly Result[]): Promise<void> {
  await writeFile(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`);
  await writeFile(PAGE, withTable(await readFile(PAGE, 'utf8'), results));
}

const START = '<!-- matrix:start -->';
const END = '<!-- matrix:end -->';

/** @returns the page with the table of these results between its markers */
export function withTable(page: string, results: readonly Result[]): string {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`The page has no place for the table: put ${START} and ${END} there.`);
  return `${page.slice(0, start)}${START}\n\n${table(results)}\n\n${page.slice(end)}`;
}

function table(results: readonly Result[]): string {
  const rows = results.map(({ product, version, suite, node, date, ...counts }) =>
    [`${product} ${version}`, suite, describeCounts(counts), node, date].join(' | '),
  );
  return ['server | tests | result | by Node | on', '--- | --- | --- | --- | ---', ...rows]
    .map((row) => `| ${row} |`)
    .join('\n');
}

export function describeCounts({ passed, failed, skipped }: Counts): string {
  const parts = [failed > 0 ? `**${failed} failed**, ${passed} passed` : `all ${passed}`];
  if (skipped > 0) parts.push(`${skipped} do not apply`);
  return parts.join(', ');
}
