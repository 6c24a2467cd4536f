import { Cleanup, findRabbit, type PostgresServer, type RabbitServer, startPostgres } from '@tallystick/services';
import { connect } from 'amqplib';
import { Client } from 'pg';
import { type Machine, describeMachine } from './machine';
import type { Processes } from './processor-time';
import type { Progress } from './progress';
import { StatementCounter } from './statement-counter';

export interface StageOptions {
  /** A PostgreSQL to use, with the right to create databases. Default: a throw-away one, with fsync. */
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
    private readonly adminUrl: string,
    private readonly rabbit: RabbitServer,
    /** The servers, if they are ours. */
    readonly processes: Processes,
    readonly statements: StatementCounter,
    private readonly versions: { postgres: string; rabbitmq: string },
  ) {}

  static async open(options: StageOptions, cleanup: Cleanup, progress: Progress): Promise<Stage> {
    const onProgress = (line: string): void => progress.line(line);
    const postgres = options.databaseUrl === undefined ? await ownPostgres(cleanup, onProgress) : undefined;
    const adminUrl = options.databaseUrl ?? postgres!.url();
    const rabbit = cleanup.stopLater(await findRabbit({ url: options.amqpUrl, onProgress }));
    const statements = cleanup.stopLater(await StatementCounter.connect(adminUrl));
    if (!statements.available) progress.line('pg_stat_statements is not loaded there: statements are not counted');
    const versions = { postgres: await postgresVersion(adminUrl), rabbitmq: await rabbitVersion(rabbit.url) };
    const processes = {
      ...(postgres?.pid !== undefined && { PostgreSQL: postgres.pid }),
      ...(rabbit.pid !== undefined && { RabbitMQ: rabbit.pid }),
    };
    return new Stage(adminUrl, rabbit, processes, statements, versions);
  }

  machine(): Machine {
    return describeMachine(this.versions);
  }

  /** An empty database, dropped by `cleanup`. @returns its url */
  async database(name: string, cleanup: Cleanup): Promise<string> {
    const unique = `bench_${name}_${process.pid}_${Date.now().toString(36)}`;
    await this.asAdmin(`create database ${unique}`);
    cleanup.defer(() => this.asAdmin(`drop database if exists ${unique} with (force)`));
    const url = new URL(this.adminUrl);
    url.pathname = `/${unique}`;
    return url.href;
  }

  /** A virtual host of its own, where that is ours to create. @returns its url */
  async broker(cleanup: Cleanup): Promise<string> {
    const url = await this.rabbit.createVhost();
    cleanup.defer(async () => (url === this.rabbit.url ? removeObjects(url) : this.rabbit.deleteVhost(url)));
    return url;
  }

  /** What autovacuum does within a minute: a plan that is kept must not be one for empty tables. */
  async analyze(databaseUrl: string): Promise<void> {
    await withClient(databaseUrl, (client) => client.query('analyze -- bench'));
  }

  private async asAdmin(sql: string): Promise<void> {
    await withClient(this.adminUrl, (client) => client.query(`${sql} -- bench`));
  }
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

async function ownPostgres(cleanup: Cleanup, onProgress: (line: string) => void): Promise<PostgresServer> {
  const postgres = await startPostgres({
    onProgress,
    settings: {
      shared_preload_libraries: 'pg_stat_statements',
      'pg_stat_statements.track_planning': 'on',
      max_wal_size: '4GB',
      shared_buffers: '512MB',
    },
  });
  return cleanup.stopLater(postgres);
}

export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function postgresVersion(url: string): Promise<string> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ version: string; fsync: string }>(
      `select split_part(current_setting('server_version'), ' ', 1) as version, current_setting('fsync') as fsync -- bench`,
    );
    return `${rows[0]!.version}, fsync ${rows[0]!.fsync}`;
  });
}

async function rabbitVersion(url: string): Promise<string> {
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
