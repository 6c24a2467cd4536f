import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '@tallystick/services';

export type ServiceName = 'user-service' | 'order-service';

/** Children of a test that is interrupted must not outlive it. */
const alive = new Set<ChildProcess>();
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));

/** One instance of a service: the built program, as `node dist/main.js` runs it. Can be killed and started again. */
export class ServiceProcess {
  private child: ChildProcess | undefined;
  private written = '';

  constructor(
    readonly service: ServiceName,
    readonly url: string,
    private readonly environment: NodeJS.ProcessEnv,
  ) {}

  /** Everything it has written to stdout and stderr, over all restarts. */
  get output(): string {
    return this.written;
  }

  get running(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  get pid(): number | undefined {
    return this.running ? this.child!.pid : undefined;
  }

  /** @returns when it listens. @throws Error with its output if it ends before */
  async start(): Promise<void> {
    if (this.running) return;
    const program = join(__dirname, '..', '..', this.service, 'dist', 'main.js');
    if (!existsSync(program)) throw new Error(`${program} is missing. Build first: npx tsc -b`);
    const begin = this.written.length;
    const child = spawn(process.execPath, ['--enable-source-maps', program], {
      env: { PATH: process.env.PATH, ...this.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    alive.add(child);
    child.once('exit', () => alive.delete(child));
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (this.written += String(chunk)));
    const news = (): string => this.written.slice(begin);
    const listens = (): boolean => {
      if (!this.running) throw new Error(`${this.service} ended before it listened:\n${news()}`);
      return news().includes(`${this.service} listening on`);
    };
    // Two seconds on a machine that has nothing else to do.
    await until(`${this.service} listens on ${this.url}`, listens, { timeoutMs: 90_000 }).catch(
      async (error: Error) => {
        await this.kill('SIGKILL');
        throw new Error(`${error.message}\n${news()}`, { cause: error });
      },
    );
  }

  /** Sends the signal and waits for the end: SIGTERM to shut down in order, SIGKILL to crash. SIGSTOP and SIGCONT return at once. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (!child || !this.running) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return;
    await ended;
  }

  async restart(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.kill(signal);
    await this.start();
  }

  /** In order if it can be, by force after `patienceMs`. */
  async stop(patienceMs = 20_000): Promise<void> {
    const impatient = setTimeout(() => this.child?.kill('SIGKILL'), patienceMs);
    await this.kill('SIGTERM');
    clearTimeout(impatient);
  }
}
