import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Guard } from './guard';
import { uniqueName } from './names';
import { freePort } from './ports';
import { execFile } from './processes';
import type { RabbitServer } from './rabbit';
import { rabbitAnswers, RabbitControl } from './rabbit-control';
import { removeFolder } from './remove-folder';
import { until } from './until';

const IMAGE = 'rabbitmq:4-alpine';

/** Is there a container engine that works? The command alone proves nothing. */
export async function dockerAnswers(): Promise<boolean> {
  return execFile('docker', ['info'], { timeout: 5_000 }).then(
    () => true,
    () => false,
  );
}

/** A broker in a container of its own, reachable on loopback only. */
export async function startRabbitContainer(options: { onProgress?: (line: string) => void }): Promise<RabbitServer> {
  const container = new RabbitContainer(
    uniqueName('tallystick'),
    await freePort(),
    await mkdtemp(join(tmpdir(), 'tallystick-rabbitmq-')),
  );
  options.onProgress?.(`RabbitMQ: running ${IMAGE} (the first time it is downloaded)`);
  try {
    await container.create();
    return container;
  } catch (error) {
    await container.stop().catch(() => {}); // there may be none
    throw error;
  }
}

class RabbitContainer extends RabbitControl implements RabbitServer {
  readonly started = true;
  readonly origin: string;
  private readonly guard: Guard;

  constructor(
    private readonly name: string,
    private readonly published: number,
    /** Visible inside under the same path. */
    private readonly folder: string,
  ) {
    super(`amqp://guest:guest@127.0.0.1:${published}`, {
      file: 'docker',
      args: ['exec', name, 'rabbitmqctl'],
      folder,
    });
    this.origin = `the container ${name} of ${IMAGE}`;
    this.guard = new Guard(['docker', 'rm', '--force', '--volumes', name]);
  }

  async create(): Promise<void> {
    const address = `127.0.0.1:${this.published}:5672`;
    const volume = `${this.folder}:${this.folder}:ro`;
    await execFile('docker', ['run', '--detach', '--name', this.name, '--publish', address, '--volume', volume, IMAGE]);
    await this.ready();
  }

  async start(): Promise<void> {
    await execFile('docker', ['start', this.name]);
    await this.ready();
  }

  async kill(): Promise<void> {
    await execFile('docker', ['kill', this.name]);
  }

  async stop(): Promise<void> {
    this.guard.release();
    await execFile('docker', ['rm', '--force', '--volumes', this.name]);
    await removeFolder(this.folder);
  }

  private ready(): Promise<void> {
    return until('RabbitMQ in its container lets us log in', () => rabbitAnswers(this.url), { timeoutMs: 90_000 });
  }
}
