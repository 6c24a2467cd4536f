import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export type ServiceName = 'user-service' | 'order-service';

/** How many of its lines are kept, to be shown should it die. */
const LAST_WORDS = 40;
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 15_000;

export interface ServiceWatcher {
  /** It ended and nobody had asked it to. */
  onDeath(report: string): void;
  onLine?(line: string): void;
}

/** A service as a process of its own: the built program, configured by its environment. Can be killed and started again. */
export class ServiceProcess {
  private child: ChildProcess | undefined;
  private lines: string[] = [];
  /** True while we want it to be running. */
  private wanted = false;
  private up = false;

  constructor(
    readonly name: ServiceName,
    private readonly environment: NodeJS.ProcessEnv,
    private readonly watcher: ServiceWatcher,
  ) {}

  /** It listens, or did a moment ago. */
  get running(): boolean {
    return this.up;
  }

  /** Resolves when it listens; rejects with its last lines if it ends before, or takes a minute. */
  async start(): Promise<void> {
    const program = join(__dirname, '..', '..', this.name, 'dist', 'main.js');
    const preload = join(__dirname, 'end-with-parent.js');
    this.lines = [];
    this.wanted = true;
    const child = spawn(process.execPath, ['--enable-source-maps', '--require', preload, program], {
      env: { ...process.env, NODE_ENV: 'development', NO_COLOR: '1', ...this.environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true, // a group of its own: Ctrl-C reaches the demo alone, which ends the parts in the right order
    });
    this.child = child;
    await new Promise<void>((resolve, reject) => {
      const slow = setTimeout(() => reject(new Error(this.report('does not listen after a minute'))), START_LIMIT_MS);
      const listen = (line: string): void => {
        this.keep(line);
        if (!line.startsWith(`${this.name} listening on`)) return;
        clearTimeout(slow);
        this.up = true;
        resolve();
      };
      for (const stream of [child.stdout!, child.stderr!]) createInterface(stream).on('line', listen);
      child.once('error', reject);
      // 'close' comes after the last line has been read; 'exit' may come before.
      child.once('close', (code, signal) => {
        clearTimeout(slow);
        if (this.child === child) this.up = false;
        if (!this.wanted || this.child !== child) return resolve(); // ended by us, perhaps started again since
        this.wanted = false;
        const report = this.report(`ended unexpectedly (${signal ?? `exit code ${code}`})`);
        this.watcher.onDeath(report);
        reject(new Error(report));
      });
    });
  }

  /** As if the power had failed: SIGKILL, no farewell. */
  async crash(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** In order if it can be, by force if that takes too long. Can be called twice. */
  async stop(): Promise<void> {
    const child = this.child;
    const impatient = setTimeout(() => child?.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.end('SIGTERM');
    clearTimeout(impatient);
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    this.wanted = false;
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  private keep(line: string): void {
    this.lines = [...this.lines, line].slice(-LAST_WORDS);
    this.watcher.onLine?.(line);
  }

  private report(what: string): string {
    const words = this.lines.length === 0 ? ['(it said nothing)'] : this.lines;
    return [`${this.name} ${what}. Its last lines:`, ...words.map((line) => `  | ${line}`)].join('\n');
  }
}
