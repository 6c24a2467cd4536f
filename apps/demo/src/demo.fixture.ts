import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, portAnswers, testDatabase, until } from '@tallystick/services';

export interface Ready {
  user: string;
  order: string;
  databases: { user: string; order: string };
  transport: string;
  broker: string | null;
  /** Absent with --once. */
  page?: string;
}

/** The built demo, run as a user would; whatever it starts can be told by a mark in the environment. */
export class Demo {
  output = '';
  private readonly mark = `TALLYSTICK_DEMO_TEST=${randomUUID()}`;
  private child!: ChildProcess;
  private exit!: Promise<unknown[]>;
  private scratch!: string;
  private ports!: number[];

  static async start(options: string[], environment: NodeJS.ProcessEnv = {}): Promise<Demo> {
    const demo = new Demo();
    demo.scratch = await mkdtemp(join(tmpdir(), 'demo-test-'));
    await chmod(demo.scratch, 0o755); // PostgreSQL is not root, even if we are
    demo.ports = [await freePort(), await freePort()];
    const [name, value] = demo.mark.split('=') as [string, string];
    const { AMQP_URL: _, FORCE_COLOR: __, ...inherited } = process.env;
    const program = join(__dirname, '../dist/main.js');
    demo.child = spawn(process.execPath, [program, '--ports', demo.ports.join(), ...options], {
      env: { ...inherited, TMPDIR: demo.scratch, [name]: value, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [demo.child.stdout!, demo.child.stderr!]) {
      stream.on('data', (chunk) => (demo.output += String(chunk)));
    }
    demo.exit = once(demo.child, 'close');
    return demo;
  }

  async says(text: string | RegExp): Promise<void> {
    const found = (): boolean => (typeof text === 'string' ? this.output.includes(text) : text.test(this.output));
    await until(
      `the demo says ${text}`,
      () => {
        if (this.child.exitCode !== null && !found())
          throw new Error(`It ended before it said ${text}:\n${this.output}`);
        return found();
      },
      { timeoutMs: 120_000 },
    );
  }

  get ready(): Ready {
    return JSON.parse(/^ready (.*)$/m.exec(this.output)![1]!) as Ready;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Kills one of the services, behind the demo's back. */
  async killService(name: string): Promise<void> {
    for (const pid of await this.processes()) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (command.includes(`${name}/dist/main.js`)) process.kill(pid, 'SIGKILL');
    }
  }

  async exitCode(): Promise<number | null> {
    return (await this.exit)[0] as number | null;
  }

  /** No process, no port and no file is left. */
  async expectNothingLeft(): Promise<void> {
    await this.exit;
    await until('every process has ended', async () => (await this.processes()).length === 0);
    const pages = [...this.output.matchAll(/^ready .*"page":"http:\/\/127.0.0.1:(\d+)/gm)].map(([, port]) =>
      Number(port),
    );
    for (const port of [...this.ports, ...pages]) expect(await portAnswers(port)).toBe(false);
    expect(await readdir(this.scratch)).toEqual([]);
    await rm(this.scratch, { recursive: true });
  }

  private async processes(): Promise<number[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const marked = await Promise.all(
      pids.map(async (pid) => (await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')).includes(this.mark)),
    );
    return pids.filter((_, index) => marked[index]).map(Number);
  }
}

export async function givenDatabases(): Promise<Ready['databases']> {
  return { user: await testDatabase('demo_user'), order: await testDatabase('demo_order') };
}

export function urlsOf({ user, order }: Ready['databases']): NodeJS.ProcessEnv {
  return { DATABASE_URL_USER: user, DATABASE_URL_ORDER: order };
}
