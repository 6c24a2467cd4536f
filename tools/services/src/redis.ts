import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Guard } from './guard';
import { freePort, portAnswers } from './ports';
import { ServerProcess } from './processes';
import { findProgram, type Program } from './program';
import { removeFolder } from './remove-folder';

/** A Redis of ours. */
export interface RedisServer {
  readonly url: string;
  readonly pid?: number;
  /** Ends it as a crash would, and starts it again with what it had written. */
  crash(): Promise<void>;
  /** Can be called twice. */
  stop(): Promise<void>;
}

const REDIS: Program = {
  title: 'Redis',
  file: 'redis-server',
  variable: 'REDIS_SERVER',
  packages: ['redis-server', 'redis-tools'],
};

/** Starts a private Redis on loopback, which writes everything to disk. It ends with this process, however that ends. */
export async function startRedis({
  onProgress = () => {},
}: { onProgress?: (line: string) => void } = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'tallystick-redis-'));
  const server = new PrivateRedis(directory, await freePort(), onProgress);
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

class PrivateRedis implements RedisServer {
  private readonly guard: Guard;
  private server?: ServerProcess;

  constructor(
    private readonly directory: string,
    private readonly port: number,
    private readonly progress: (line: string) => void,
  ) {
    this.guard = new Guard(['rm', '-rf', directory]);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number | undefined {
    return this.server?.running ? this.server.pid : undefined;
  }

  async start(): Promise<void> {
    const { file, env } = await findProgram(REDIS, this.progress);
    const settings = {
      port: this.port,
      bind: '127.0.0.1',
      dir: this.directory,
      save: '',
      appendonly: 'yes',
      appendfsync: 'always',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.server = await ServerProcess.spawn(file, options, join(this.directory, 'redis.log'), {
      cwd: this.directory,
      env: { ...process.env, ...env },
    });
    this.guard.watch('KILL', this.server.pid);
    await this.server.becomesReady(() => portAnswers(this.port), 5);
    this.progress(`Redis: ready on port ${this.port} (process ${this.pid})`);
  }

  async crash(): Promise<void> {
    await this.server?.kill();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.server?.kill(); // it has nothing to write down
    this.guard.release();
    await removeFolder(this.directory);
  }
}
