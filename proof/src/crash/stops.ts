import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '@tallystick/services';
import { ARMED, DIRECTORY_VARIABLE, HIT, type Point } from './points';

const HIT_WITHIN_MS = 60_000;

/** Where processes are told at which point to stop, and tell that they have. The other end is `preload.ts`. */
export class Stops {
  constructor(private readonly directory: string) {}

  /** For a process that is to stop: flags for Node and environment. */
  get launchOptions(): { nodeFlags: string[]; environment: Record<string, string> } {
    const preload = join(__dirname, '..', '..', 'dist', 'crash', 'preload.js');
    return { nodeFlags: ['--require', preload], environment: { [DIRECTORY_VARIABLE]: this.directory } };
  }

  async arm(point: Point): Promise<void> {
    await writeFile(join(this.directory, ARMED), point);
  }

  /** @returns the id of the process that stands still there. @throws Error if none gets there */
  async reached(point: Point): Promise<number> {
    const file = join(this.directory, HIT);
    const read = (): Promise<string | undefined> => readFile(file, 'utf8').catch(() => undefined);
    await until(`a process reaches "${point}"`, async () => (await read()) !== undefined, { timeoutMs: HIT_WITHIN_MS });
    const pid = Number(await read());
    await rm(file);
    return pid;
  }
}
