import { rmSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@tallystick/services';
import type { Side } from '../service/context';
import type { Action } from '../service/steps';

/** A step that a process reached. */
export interface Entry {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly side: Side;
  readonly step: string;
  /** What was then done to it. */
  readonly action?: Action;
}

/** What the processes of a world write down, before anything can happen to them. */
export class Journal {
  private constructor(private readonly folder: string) {}

  static async open(): Promise<Journal> {
    const journal = new Journal(await mkdtemp(join(tmpdir(), 'tallystick-lab-')));
    await appendFile(journal.file, '');
    process.once('exit', journal.remove); // also after Ctrl-C
    return journal;
  }

  get file(): string {
    return join(this.folder, 'journal');
  }

  async entries(): Promise<Entry[]> {
    const lines = (await readFile(this.file, 'utf8')).split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Entry);
  }

  /** @throws Error if nobody gets there */
  async reached(step: string, after: number): Promise<void> {
    const there = async (): Promise<boolean> =>
      (await this.entries()).slice(after).some((entry) => entry.step === step && entry.action !== undefined);
    await until(`a process reaches ${step}`, there, { everyMs: 5 });
  }

  async stop(): Promise<void> {
    process.removeListener('exit', this.remove);
    await rm(this.folder, { recursive: true, force: true });
  }

  private readonly remove = (): void => rmSync(this.folder, { recursive: true, force: true });
}
