import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as lasts } from 'node:timers/promises';
import { connectDatabase, type TcpProxy } from '@tallystick/services';
import { databaseOf, type RigServer } from '../rig';
import type { PlannedRun } from './plan';
import type { Action } from './points';
import type { Stops } from './stops';

const PAUSE_MS = 2_000;

/** A deployment that is interrupted while it migrates, and then made again: the schema must be as if nothing had been. */
export class Migrations {
  private undisturbed: readonly string[] | undefined;

  constructor(
    private readonly server: RigServer,
    private readonly network: TcpProxy,
    private readonly stops: Stops,
  ) {}

  /** @returns what is wrong. @throws Error if the point was not reached */
  async perform({ point, action }: PlannedRun): Promise<string[]> {
    this.undisturbed ??= await this.inNewDatabase((url) => this.migrate(url));
    await this.stops.arm(point);
    const found = await this.inNewDatabase(async (url) => {
      const first = this.start(url);
      const ended = once(first, 'exit');
      await this.stops.reached(point);
      await this.act(action, first);
      await ended;
      await this.migrate(url);
    });
    const missing = this.undisturbed.filter((line) => !found.includes(line));
    const surplus = found.filter((line) => !this.undisturbed!.includes(line));
    return [...missing.map((line) => `missing: ${line}`), ...surplus.map((line) => `surplus: ${line}`)];
  }

  private async act(action: Action, process: ChildProcess): Promise<void> {
    if (action === 'killed') {
      process.kill('SIGKILL');
      return;
    }
    if (action === 'paused for two leases') await lasts(PAUSE_MS);
    else this.network.cut();
    process.kill('SIGCONT');
  }

  /** @throws Error if it does not end well */
  private async migrate(url: string): Promise<void> {
    const process = this.start(url);
    let output = '';
    process.stderr!.on('data', (chunk) => (output += String(chunk)));
    const [code] = (await once(process, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`The migration ended with ${code}: ${output}`);
  }

  private start(databaseUrl: string): ChildProcess {
    const url = new URL(databaseUrl);
    url.port = String(this.network.port);
    const { nodeFlags, environment } = this.stops.launchOptions;
    const program = join(__dirname, '..', '..', 'dist', 'rig', 'migrator', 'main.js');
    return spawn(process.execPath, [...nodeFlags, program], {
      env: { PATH: process.env.PATH, RIG_DATABASE_URL: url.href, ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  }

  /** @returns the schema that `work` left */
  private async inNewDatabase(work: (url: string) => Promise<void>): Promise<string[]> {
    const url = await this.server.createDatabase();
    try {
      await work(url);
      return await schemaOf(url);
    } finally {
      await this.server.dropDatabase(url);
    }
  }
}

async function schemaOf(url: string): Promise<string[]> {
  const client = await connectDatabase(url, 'crash');
  try {
    return (await client.ask<{ line: string }>(databaseOf(url).schemaLines)).map(({ line }) => line);
  } finally {
    await client.end();
  }
}
