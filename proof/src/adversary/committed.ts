import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Achieved, ADVERSARIES, type Adversary, ATTACK_NAMES, DAMAGES, type Defence, DEFENCES } from './adversary';

/** From `proof/src` and from `proof/dist`. */
const ROOT = join(__dirname, '..', '..', '..');
const DATA = join(ROOT, 'proof', 'src', 'adversary', 'achieved.json');
const PAGE = join(ROOT, 'SECURITY.md');
const START = '<!-- adversary:start -->';
const END = '<!-- adversary:end -->';

export function committed(): Achieved {
  return JSON.parse(readFileSync(DATA, 'utf8')) as Achieved;
}

export function committedTable(): string {
  const page = readFileSync(PAGE, 'utf8');
  return page.slice(page.indexOf(START) + START.length, page.indexOf(END)).trim();
}

/** Takes what was achieved for the truth from now on. */
export function commit(achieved: Achieved): void {
  const page = readFileSync(PAGE, 'utf8');
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`SECURITY.md has no room for the table: ${START} … ${END}`);
  writeFileSync(DATA, `${JSON.stringify(achieved, undefined, 2)}\n`);
  writeFileSync(PAGE, `${page.slice(0, start)}${START}\n\n${table(achieved)}\n\n${page.slice(end)}`);
}

/** What was achieved now and is not committed: each is a hole. */
export function grown(before: Achieved, now: Partial<Achieved>): string[] {
  return Object.entries(now).flatMap(([defence, byAdversary]) =>
    Object.entries(byAdversary).flatMap(([who, what]) =>
      what
        .filter((each) => !before[defence as Defence]?.[who as Adversary]?.includes(each))
        .map((each) => `with ${defence}, who has ${who}: ${each}`),
    ),
  );
}

/** A line per adversary, a column per defence; in a cell what was achieved, and by how many attacks. */
export function table(achieved: Achieved): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    row([`of ${ATTACK_NAMES.length} attacks succeed`, ...DEFENCES]),
    row(['---', ...DEFENCES.map(() => '---')]),
    ...(Object.keys(ADVERSARIES) as Adversary[]).map((who) =>
      row([who, ...DEFENCES.map((defence) => cell(achieved[defence][who]))]),
    ),
  ].join('\n');
}

function cell(achieved: readonly string[]): string {
  const counts = DAMAGES.map((damage) => [damage, achieved.filter((each) => each.endsWith(`: ${damage}`)).length]);
  const found = counts.filter(([, count]) => count !== 0).map(([damage, count]) => `${damage} (${count})`);
  return found.join(', ') || 'nothing';
}
