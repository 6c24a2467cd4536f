import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { until } from '@tallystick/services';
import { type Asked, type Command, type Result, type Settings, SETTINGS_VARIABLE, type Told } from '../service/control';

/** The process ended before it answered. */
class Died extends Error {
  override readonly name = 'Died';
}

/** Children must not outlive us, not even those that are stopped (SIGSTOP). */
const alive = new Set<ChildProcess>();
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));

interface Waiting {
  resolve(result: unknown): void;
  reject(problem: Error): void;
}

/** One service as a process of its own. It can be killed and started again, and keeps its address. */
export class ServiceProcess {
  private child?: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private calls = 0;
  private written = '';

  constructor(
    private readonly settings: Settings,
    private readonly onSettled: (purchaseId: string) => void,
  ) {}

  get running(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** @returns when it is ready. @throws Error with its output if it ends before */
  async start(): Promise<void> {
    // From the tests this file is read as a source, the program is always the built one.
    const program = join(__dirname, '..', '..', 'dist', 'service', 'main.js');
    this.written = '';
    const child = fork(program, [], {
      env: { ...process.env, NO_COLOR: '1', [SETTINGS_VARIABLE]: JSON.stringify(this.settings) },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: ['--enable-source-maps'],
      detached: true, // a group of its own: Ctrl-C reaches the lab alone, which ends everything in order
    });
    this.child = child;
    alive.add(child);
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (chunk) => (this.written = (this.written + String(chunk)).slice(-8_000)));
    }
    child.once('exit', () => {
      alive.delete(child);
      for (const { reject } of this.waiting.values()) reject(new Died(`${this.settings.side}-service died`));
      this.waiting.clear();
    });
    let ready = false;
    child.on('message', (told: Told) => {
      if (told.kind === 'ready') ready = true;
      else this.hear(told);
    });
    await until(
      `${this.settings.side}-service of ${this.settings.protocol} is ready`,
      () => {
        if (!this.running) throw new Error(`${this.settings.side}-service did not start:\n${this.written}`);
        return ready;
      },
      { timeoutMs: 60_000, everyMs: 5 },
    );
  }

  /** @throws Died */
  ask<C extends Command>(command: C): Promise<Result<C>> {
    const call = (this.calls += 1);
    return new Promise<Result<C>>((resolve, reject) => {
      this.waiting.set(call, { resolve: (result) => resolve(result as Result<C>), reject });
      this.child!.send({ ...command, call } satisfies Asked, (error) => {
        if (error) reject(new Died(error.message));
      });
    });
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child!.kill(signal);
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    if (!this.running) return;
    const ended = once(this.child!, 'exit');
    this.child!.kill(signal);
    await ended;
  }

  /** Resolves when it has ended, by itself or not. */
  async ended(): Promise<void> {
    if (this.running) await once(this.child!, 'exit');
  }

  stop(): Promise<void> {
    return this.kill('SIGKILL'); // nothing is to be kept
  }

  private hear(told: Told): void {
    switch (told.kind) {
      case 'ready':
        return;
      case 'settled':
        return this.onSettled(told.purchaseId);
      case 'answer': {
        const waiting = this.waiting.get(told.call);
        this.waiting.delete(told.call);
        if (told.problem === undefined) waiting?.resolve(told.result);
        else waiting?.reject(new Error(told.problem));
        return;
      }
      default:
        return told satisfies never;
    }
  }
}
