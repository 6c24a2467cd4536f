import { type Cleanup, findRabbit, type RabbitServer } from '@tallystick/services';
import { connect } from 'amqplib';
import { type Engine, ENGINE_NAMES, engineOf, type EngineServer } from '../engines/engine';
import { openMariaDb } from '../engines/mariadb';
import { openPostgres } from '../engines/postgres';
import type { Statements } from '../engines/statements';
import { type Machine, describeMachine } from './machine';
import type { Processes } from './processor-time';
import type { Progress } from './progress';

export interface StageOptions {
  /** The kind of database. @default what the url says, else PostgreSQL */
  readonly database?: Engine;
  /** A server to use, with the right to create databases. Default: a throw-away one, which flushes every commit. */
  readonly databaseUrl?: string;
  /** A broker to use. Default: a throw-away one. */
  readonly amqpUrl?: string;
}

/**
 * The servers a scenario runs on. Databases are created for it and dropped at the end; so is its virtual host, or, on
 * somebody else's broker, everything that {@link BROKER_OBJECTS} names.
 */
export class Stage {
  private constructor(
    private readonly server: EngineServer,
    private readonly rabbit: RabbitServer,
    /** The servers, if they are ours. */
    readonly processes: Processes,
    private readonly rabbitVersion: string,
  ) {}

  static async open(engine: Engine, options: StageOptions, cleanup: Cleanup, progress: Progress): Promise<Stage> {
    const onProgress = (line: string): void => progress.line(line);
    const open = { postgres: openPostgres, mariadb: openMariaDb }[engine];
    const server = await open(options.databaseUrl, cleanup, onProgress);
    const rabbit = cleanup.stopLater(await findRabbit({ url: options.amqpUrl, onProgress }));
    const processes = {
      ...(server.pid !== undefined && { [ENGINE_NAMES[server.engine]]: server.pid }),
      ...(rabbit.pid !== undefined && { RabbitMQ: rabbit.pid }),
    };
    return new Stage(server, rabbit, processes, await versionOf(rabbit.url));
  }

  get engine(): Engine {
    return this.server.engine;
  }

  get statements(): Statements {
    return this.server.statements;
  }

  machine(): Machine {
    return describeMachine({ [this.engine]: this.server.version, rabbitmq: this.rabbitVersion });
  }

  /** An empty database, dropped by `cleanup`. @returns its url */
  async database(name: string, cleanup: Cleanup): Promise<string> {
    const unique = `bench_${name}_${process.pid}_${Date.now().toString(36)}`;
    const url = await this.server.create(unique);
    cleanup.defer(() => this.server.drop(unique));
    return url;
  }

  /** A virtual host of its own, where that is ours to create. @returns its url */
  async broker(cleanup: Cleanup): Promise<string> {
    const url = await this.rabbit.createVhost();
    cleanup.defer(async () => (url === this.rabbit.url ? removeObjects(url) : this.rabbit.deleteVhost(url)));
    return url;
  }

  analyze(databaseUrl: string): Promise<void> {
    return this.server.analyze(databaseUrl);
  }
}

/** @returns undefined if the url is of another kind than was asked for */
export function engineFor({ database, databaseUrl }: StageOptions): Engine | undefined {
  const found = databaseUrl === undefined ? undefined : engineOf(databaseUrl);
  if (database !== undefined && found !== undefined && database !== found) return undefined;
  return database ?? found ?? 'postgres';
}

/** Everything the scenarios declare on a broker. Nobody else uses these names. */
const BROKER_OBJECTS = {
  queues: [
    'bench-orders.order.requested',
    'bench-orders.order.in-line',
    'bench-orders.cancel',
    'bench-orders.quarantine',
    'bench-orders.receipts',
    'bench-users.receipts',
    'bench-users.cancel',
    'bench-users.quarantine',
    'bench-raw.orders',
    'bench-raw.receipts',
    'bench-dual.orders',
    'bench-dual.replies',
    'bench-peer.orders',
  ],
  exchanges: ['bench.requests', 'bench.announcements', 'bench.receipts', 'bench-raw', 'bench-dual'],
} as const;

async function versionOf(url: string): Promise<string> {
  const connection = await connect(url);
  const { version } = connection.connection.serverProperties;
  await connection.close();
  return version;
}

async function removeObjects(url: string): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  for (const queue of BROKER_OBJECTS.queues) await channel.deleteQueue(queue);
  for (const exchange of BROKER_OBJECTS.exchanges) await channel.deleteExchange(exchange);
  await connection.close();
}
