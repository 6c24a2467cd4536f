import { rmSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@tallystick/services';
import type { Side } from '../service/context';
import type { Passed } from '../service/passed';
import type { Reached } from '../service/steps';

/** When, in milliseconds since the epoch, and in whose process. */
interface Written {
  readonly at: number;
  readonly side: Side;
}

export type Entry = Reached & Written;
export type Happening = (Reached | Passed) & Written;

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

  /** The steps that were reached. */
  async entries(): Promise<Entry[]> {
    return (await this.everything()).filter((happening) => happening.kind === 'step');
  }

  /** Also what passed between the services and others, if the world tells it. */
  async everything(): Promise<Happening[]> {
    const lines = (await readFile(this.file, 'utf8')).split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Happening);
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
