import type { Pool, PoolConnection, PoolOptions } from 'mysql2';
import type { DataSource } from 'typeorm';
import { InvalidOptionsError } from '../../errors';
import { loadMysql2 } from './mysql2';

/** The part of TypeORM's options that says how to connect. */
interface ConnectOptions {
  url?: string;
  host?: string;
  port?: number;
  username?: string;
  password?: string;
  database?: string;
  socketPath?: string;
  ssl?: PoolOptions['ssl'];
  charset?: string;
  connectTimeout?: number;
  extra?: PoolOptions;
  replication?: { master: ConnectOptions };
}

const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_AFTER_MS = 10_000;
/** What a pool that is ended gives its connections to finish a statement and to say goodbye. */
const FAREWELL_MS = 2_000;

/**
 * A small pool of the library's own, to the database the DataSource writes to: the relay and the handlers must not take
 * connections from each other, or a process full of handlers waits for itself.
 * @throws InvalidOptionsError if the DataSource is for another database, or does not speak all of Unicode
 */
export function poolFrom(dataSource: DataSource, { max }: { max: number }): Pool {
  const options = dataSource.options as ConnectOptions & { type: string };
  if (!['mariadb', 'mysql'].includes(options.type)) {
    throw new InvalidOptionsError([
      `the DataSource is of type '${options.type}'; this store needs 'mariadb' or 'mysql'`,
    ]);
  }
  const { charset = 'utf8mb4', extra } = options;
  if (!/^utf8mb4/i.test(charset)) {
    throw new InvalidOptionsError([
      `the DataSource's charset is '${charset}', in which a payload would not arrive as it is; leave it out, or set 'utf8mb4'`,
    ]);
  }
  const target = options.replication?.master ?? options;
  const pool = loadMysql2().createPool({
    ...(target.url === undefined ? {} : { uri: target.url }),
    ...given({ host: target.host, port: target.port, user: target.username, password: target.password }),
    ...given({ database: target.database, socketPath: target.socketPath, ssl: options.ssl }),
    ...extra,
    charset,
    connectTimeout: options.connectTimeout || CONNECT_TIMEOUT_MS,
    enableKeepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_AFTER_MS,
    connectionLimit: max,
    maxIdle: max,
    waitForConnections: true,
    queueLimit: 0,
    multipleStatements: false,
  });
  const open = new Set<PoolConnection>();
  connections.set(pool, open);
  pool.on('connection', (connection: PoolConnection) => {
    open.add(connection);
    connection.once('end', () => open.delete(connection));
    // Whoever uses it is told; an error that nobody listens to would end the process.
    connection.on('error', () => open.delete(connection));
  });
  return pool;
}

const connections = new WeakMap<Pool, Set<PoolConnection>>();

/** Ends a pool that `poolFrom` made, in bounded time whatever the network does. A second call is fine. */
export async function endPool(pool: Pool): Promise<void> {
  const open = connections.get(pool);
  if (!open) return;
  connections.delete(pool);
  let timer: NodeJS.Timeout | undefined;
  const ended = new Promise<void>((resolve) => pool.end(() => resolve()));
  await Promise.race([ended, new Promise((resolve) => (timer = setTimeout(resolve, FAREWELL_MS)))]);
  clearTimeout(timer);
  for (const connection of open) connection.destroy();
}

function given<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
