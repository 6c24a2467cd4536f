import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { until } from '@tallystick/services';

export type Side = 'producer' | 'consumer';

/** For one launch: what is not the same every time, e.g. a crash at a chosen point. */
export interface LaunchOptions {
  /** More environment variables. */
  readonly environment?: NodeJS.ProcessEnv;
  /** More flags for Node, e.g. `['--require', '/path/to/hook.js']`. */
  readonly nodeFlags?: readonly string[];
  /** It is meant to end by itself: that is then no problem. @default false */
  readonly mayEnd?: boolean;
}

/** Children of a test that is interrupted must not outlive it, not even those that are stopped (SIGSTOP). */
const alive = new Set<ChildProcess>();
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));

/** One process of the rig. Can be killed and started again; keeps its port. */
export class RigProcess {
  private child: ChildProcess | undefined;
  private written = '';
  /** Ends of this process that nobody asked for. */
  private readonly surprises: string[] = [];

  constructor(
    readonly side: Side,
    /** Where it takes commands. */
    readonly url: string,
    private readonly environment: NodeJS.ProcessEnv,
  ) {}

  get running(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  get pid(): number | undefined {
    return this.running ? this.child!.pid : undefined;
  }

  /** Everything it has written to stdout and stderr, over all launches. */
  get output(): string {
    return this.written;
  }

  /** What must never happen, whatever a drill does to this process. */
  get problems(): readonly string[] {
    const fatal = /UnhandledPromiseRejection|unhandledRejection|uncaughtException|FATAL ERROR|MaxListenersExceeded/;
    const line = this.written.split('\n').find((each) => fatal.test(each));
    return line === undefined ? this.surprises : [...this.surprises, `rig-${this.side} wrote: ${line}`];
  }

  /** @returns when it takes commands. @throws Error with its output if it ends before */
  async start(options: LaunchOptions = {}): Promise<void> {
    if (this.running) return;
    const begin = this.written.length;
    const child = this.launch(options);
    const listens = (): boolean => {
      if (this.child !== child || !this.running) throw new Error(`rig-${this.side} ended before it listened`);
      return this.written.slice(begin).includes(`rig-${this.side} listening on`);
    };
    // Two seconds on a machine that has nothing else to do.
    await until(`rig-${this.side} listens`, listens, { timeoutMs: 90_000 }).catch(async (error: Error) => {
      await this.kill('SIGKILL');
      throw new Error(`${error.message}\n${this.written.slice(begin)}`, { cause: error });
    });
  }

  /** Sends the signal; waits for the end, but for SIGSTOP and SIGCONT. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (!child || !this.running) return;
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') {
      child.kill(signal);
      return;
    }
    child.removeAllListeners('exit'); // from here on its end is no surprise
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
    alive.delete(child);
  }

  async restart(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.kill(signal);
    await this.start();
  }

  /** Resolves when it has ended, by itself or not. */
  async ended(): Promise<void> {
    if (this.running) await once(this.child!, 'exit');
  }

  /** In order if it can be; by force, and as a problem, if that takes too long. */
  async stop(patienceMs = 30_000): Promise<void> {
    const { child } = this;
    const impatient = setTimeout(() => {
      this.surprises.push(`rig-${this.side} did not end within ${patienceMs} ms of SIGTERM`);
      child?.kill('SIGKILL');
    }, patienceMs);
    child?.kill('SIGCONT');
    await this.kill('SIGTERM');
    clearTimeout(impatient);
  }

  /** Sends a command. @throws Error if it is not answered with success */
  async send<T = unknown>(method: 'GET' | 'POST', path: string, body?: object, timeoutMs = 60_000): Promise<T> {
    const answer = await fetch(`${this.url}/${path}`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} was answered with ${answer.status}: ${text}`);
    return JSON.parse(text) as T;
  }

  /** How often each event of the library happened since it was started. */
  counters(): Promise<Readonly<Record<string, number>>> {
    return this.send('GET', 'counters');
  }

  private launch({ environment, nodeFlags = [], mayEnd = false }: LaunchOptions): ChildProcess {
    // From the tests this file is read as a source, the program is always the built one.
    const program = join(__dirname, '..', '..', 'dist', 'rig', this.side, 'main.js');
    const child = spawn(process.execPath, ['--enable-source-maps', ...nodeFlags, program], {
      env: { PATH: process.env.PATH, NODE_ENV: 'test', NO_COLOR: '1', ...this.environment, ...environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.child = child;
    alive.add(child);
    child.once('exit', (code, signal) => {
      alive.delete(child);
      if (!mayEnd) this.surprises.push(`rig-${this.side} ended by itself (${signal ?? `exit code ${code}`})`);
    });
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (this.written += String(chunk)));
    return child;
  }
}
