import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { RoleName, RoleOptions, Roles } from './roles';

export interface Call {
  readonly call: number;
  readonly method: string;
  readonly args: unknown[];
}
export type Reply = { readonly call: number } & ({ readonly value: unknown } | { readonly error: string });

type Methods<Role> = {
  [Name in keyof Role as Role[Name] extends (...args: never[]) => Promise<unknown> ? Name : never]: Role[Name];
};

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** One service in a process of its own, called over the channel between the two. It ends with this process. */
export class Remote<Name extends RoleName> {
  private readonly waiting = new Map<number, Waiting>();
  private calls = 0;

  private constructor(
    private readonly role: Name,
    private readonly child: ChildProcess,
  ) {
    child.on('message', (reply) => this.settle(reply as Reply));
    child.once('exit', (code, signal) => {
      const error = new Error(`the ${role} process ended (${signal ?? code})`);
      for (const { reject } of this.waiting.values()) reject(error);
      this.waiting.clear();
    });
  }

  /** Starts the process and, in it, the service. */
  static async start<Name extends RoleName>(role: Name, options: RoleOptions<Name>): Promise<Remote<Name>> {
    const child = fork(join(__dirname, 'worker.js'), [role, JSON.stringify(options)], {
      execArgv: process.env.BENCH_NODE_ARGS?.split(' ') ?? [],
      serialization: 'advanced',
      stdio: ['ignore', 2, 2, 'ipc'], // stdout is for results
      detached: true, // Ctrl-C is for the run, which then stops us in order
    });
    const remote = new Remote(role, child);
    try {
      await remote.send('start', []);
      return remote;
    } catch (error) {
      await remote.end();
      throw error;
    }
  }

  get pid(): number {
    return this.child.pid!;
  }

  call<Method extends keyof Methods<Roles[Name]> & string>(
    method: Method,
    ...args: Parameters<Extract<Roles[Name][Method], (...args: never[]) => unknown>>
  ): ReturnType<Extract<Roles[Name][Method], (...args: never[]) => unknown>> {
    return this.send(method, args) as ReturnType<Extract<Roles[Name][Method], (...args: never[]) => unknown>>;
  }

  /** Stops the service, then its process. */
  async stop(): Promise<void> {
    if (this.child.connected) await this.send('stop', []);
    await this.end();
  }

  private async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    if (this.child.connected) this.child.disconnect();
    await ended;
  }

  private send(method: string, args: unknown[]): Promise<unknown> {
    const call = ++this.calls;
    return new Promise((resolve, reject) => {
      this.waiting.set(call, { resolve, reject });
      this.child.send({ call, method, args } satisfies Call, (error) => error && reject(error));
    });
  }

  private settle(reply: Reply): void {
    const waiting = this.waiting.get(reply.call);
    this.waiting.delete(reply.call);
    if ('error' in reply) waiting?.reject(new Error(`${this.role}: ${reply.error}`));
    else waiting?.resolve(reply.value);
  }
}
