import {
  type Cleanup,
  findRabbit,
  type PostgresDatabaseServer,
  rabbitInstalled,
  type RabbitServer,
  RabbitUnavailableError,
  startPostgres,
  startRabbit,
} from '@tallystick/services';
import { connect } from 'amqplib';
import { Pool } from 'pg';

/** What worlds are built on. */
export interface Servers {
  readonly postgres: Pick<PostgresDatabaseServer, 'port' | 'url' | 'createDatabase' | 'dropDatabase'>;
  readonly rabbit: Pick<RabbitServer, 'port' | 'url' | 'createVhost' | 'deleteVhost'>;
}

/** Throw-away servers of our own: protocols need prepared transactions, observers need the log and the statements. */
export async function startServers(cleanup: Cleanup, onProgress: (line: string) => void): Promise<Servers> {
  const postgres = startPostgres({
    onProgress,
    settings: {
      shared_preload_libraries: 'pg_stat_statements',
      max_prepared_transactions: '100',
      max_wal_size: '4GB',
    },
  }).then((server) => cleanup.stopLater(server));
  const rabbit = ownRabbit(onProgress).then((server) => cleanup.stopLater(server));
  await Promise.allSettled([postgres, rabbit]); // what was started is in `cleanup`, also if the other one was not
  return { postgres: await postgres, rabbit: await rabbit };
}

/** Every world gets a virtual host: on a broker of somebody else there is no way to make one. */
async function ownRabbit(onProgress: (line: string) => void): Promise<RabbitServer> {
  const rabbit = await (rabbitInstalled() ? startRabbit({ onProgress }) : findRabbit({ onProgress }));
  if (rabbit.supportsFaults) return rabbit;
  throw new RabbitUnavailableError('The lab needs a RabbitMQ of its own: unset AMQP_URL, and install rabbitmq-server.');
}

/** Their versions, in a few words. */
export async function describeServers({ postgres, rabbit }: Servers): Promise<string> {
  const pool = new Pool({ connectionString: postgres.url(), max: 1 });
  pool.on('error', () => {});
  const { rows } = await pool.query<{ version: string }>(
    `select split_part(current_setting('server_version'), ' ', 1) as version`,
  );
  await pool.end();
  const connection = await connect(rabbit.url);
  const { version } = connection.connection.serverProperties;
  await connection.close();
  return `PostgreSQL ${rows[0]!.version}, RabbitMQ ${version}`;
}
