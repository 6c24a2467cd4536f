import { Pool, type PoolConfig } from 'pg';
import type { DataSource } from 'typeorm';
import { InvalidOptionsError } from '../../errors';

/** The part of TypeORM's PostgreSQL options that says how to connect. */
interface ConnectOptions {
  url?: string;
  host?: string;
  port?: number;
  username?: string;
  password?: PoolConfig['password'];
  database?: string;
  ssl?: PoolConfig['ssl'];
  applicationName?: string;
  connectTimeoutMS?: number;
  extra?: PoolConfig;
  replication?: { master: ConnectOptions };
}

const CONNECT_TIMEOUT_MS = 10_000;
/**
 * A connection is replaced after so many statements, and with it the plans it kept (see `Statement.prepared`): for no more
 * than these a table that has grown is read as if it were still small. It takes milliseconds, so it costs each of them
 * microseconds (ADR 10).
 */
const MAX_USES = 1_000;

/**
 * A small pool of the library's own, to the database the DataSource writes to: the relay and the handlers must not take
 * connections from each other, or a process full of handlers waits for itself.
 *
 * It sets nothing on its connections, so that a transaction pooler may stand between. Whoever makes it ends it.
 */
export function poolFrom(dataSource: DataSource, { max }: { max: number }): Pool {
  const options = dataSource.options as ConnectOptions & { type: string };
  if (options.type !== 'postgres') {
    throw new InvalidOptionsError([`the DataSource is of type '${options.type}'; the outbox needs 'postgres'`]);
  }
  // Read from the options as TypeORM's driver does it. A pg pool's own `options` hide the password from being copied.
  const target = options.replication?.master ?? options;
  const pool = new Pool({
    connectionString: target.url,
    host: target.host,
    port: target.port,
    user: target.username,
    password: target.password,
    database: target.database,
    ssl: target.ssl,
    connectionTimeoutMillis: options.connectTimeoutMS ?? CONNECT_TIMEOUT_MS,
    keepAlive: true,
    ...options.extra,
    application_name: `${options.applicationName ?? target.applicationName ?? 'tallystick'} (outbox)`,
    max,
    maxUses: MAX_USES,
  });
  // What would end the process on the application's connections would end the relay with it.
  const { master } = dataSource.driver as { master?: Pool };
  if (master) survivingErrors(master);
  return survivingErrors(pool);
}

const surviving = new WeakSet<Pool>();

/**
 * Sees to it that a connection that breaks is only replaced: an error nobody listens to would end the process.
 *
 * While a connection is idle the pool listens, and while it is used TypeORM does. In between, right after it was opened,
 * nobody does until the next turn, and a server that is told to stop can say so in the very packet that greets.
 */
export function survivingErrors(pool: Pool): Pool {
  if (surviving.has(pool)) return pool;
  surviving.add(pool);
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}
