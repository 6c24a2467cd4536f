import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScenarioResult } from './result';

/** Where results are kept, one file per scenario: the report is made from them, and people read the report. */
export const RESULTS = join(__dirname, '..', '..', 'results');
/** Of the repository. */
export const ROOT = join(RESULTS, '..', '..');

/** What was kept of one scenario, and beside it the same with other release lines of Node. */
export type Kept = readonly [ScenarioResult, ...ScenarioResult[]];

/** The oldest release line of Node that is supported: what ran on another one is kept beside it. */
const NODE = 20;

/** A later run of the same scenario on the same release line of Node takes the place of an earlier one. */
export async function keepResult(folder: string, result: ScenarioResult): Promise<void> {
  const line = nodeLine(result);
  const name = line === NODE ? result.scenario : `${result.scenario}.node-${line}`;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(result)}\n`);
}

/** What was kept of a scenario, one result per release line of Node, the oldest line first; undefined if it never ran. */
export async function readResults(folder: string, scenario: string): Promise<Kept | undefined> {
  const names = await readdir(folder).catch(() => []);
  const kept = names.filter((name) => name === `${scenario}.json` || name.startsWith(`${scenario}.node-`));
  const texts = await Promise.all(kept.map((name) => readFile(join(folder, name), 'utf8')));
  const results = texts.map((text) => JSON.parse(text) as ScenarioResult);
  const [first, ...others] = results.sort((a, b) => nodeLine(a) - nodeLine(b));
  return first && [first, ...others];
}

/** `24` for Node v24.22.3. */
export function nodeLine({ machine }: ScenarioResult): number {
  return Number.parseInt(machine.node.slice(1), 10);
}
