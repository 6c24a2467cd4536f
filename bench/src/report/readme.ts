import { readFile, writeFile } from 'node:fs/promises';
import { columns, otherNodes } from '../harness/format';
import type { Kept } from '../harness/results-folder';
import { table } from './table';

const START = '<!-- roundtrip:start -->';
const END = '<!-- roundtrip:end -->';

/** @returns the page with the figures of the round trip between its markers; undefined if it has none */
export function withRoundTrip(page: string, [{ figures, startedAt, machine }, ...others]: Kept): string | undefined {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < start) return undefined;
  const rows = figures.map((each) => {
    const { figure, unit, baseline, ratio, 'median [min–max]': ours } = columns(each);
    return {
      [`${startedAt.slice(0, 10)}, ${machine.cores} cores`]: figure!,
      unit: unit!,
      Tallystick: ours!,
      'hand-written': baseline!,
      ratio: ratio!,
      ...otherNodes(each.name, others),
    };
  });
  return `${page.slice(0, start)}${START}\n\n${table(rows)}\n\n${page.slice(end)}`;
}

/** @throws Error if the page has no place for the figures */
export async function updateReadme(path: string, result: Kept): Promise<void> {
  const page = withRoundTrip(await readFile(path, 'utf8'), result);
  if (page === undefined) throw new Error(`${path} has no place for the figures: put ${START} and ${END} there.`);
  await writeFile(path, page);
}
