import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScenarioResult } from './result';

/** Where results are kept, one file per scenario: the report is made from them, and people read the report. */
export const RESULTS = join(__dirname, '..', '..', 'results');
/** Of the repository. */
export const ROOT = join(RESULTS, '..', '..');

export async function keepResult(folder: string, result: ScenarioResult): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${result.scenario}.json`), `${JSON.stringify(result)}\n`);
}

/** The kept result, if the scenario was ever run. */
export async function readResult(folder: string, scenario: string): Promise<ScenarioResult | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, `${scenario}.json`), 'utf8')) as ScenarioResult;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
