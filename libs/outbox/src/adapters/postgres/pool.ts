import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Pool, PoolClient, PoolConfig } from 'pg';
import type { DataSource } from 'typeorm';
import { InvalidOptionsError } from '../../errors';
import { codeOf, loadPg, namingConnectTimeout, poolView, postgresFaults } from '../../transactions';

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
 * For each statement on the library's own pool. They take milliseconds and wait for rows no longer than 5 s, so who has not
 * answered by then is not going to. Measured here and not by `statement_timeout`: a network that forgot the connection
 * does not pass the server's answer on either, and a transaction pooler refuses such parameters.
 */
const ANSWER_TIMEOUT_MS = 20_000;
/** An idle connection is probed after so long, and is gone ten seconds later if nobody answers. Linux alone takes two hours. */
const KEEPALIVE_AFTER_MS = 10_000;
/** What a pool that is ended gives its connections to finish a statement and to say goodbye. */
const FAREWELL_MS = 2_000;
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
export function poolFrom(
  dataSource: DataSource,
  { max, namedStatements = true }: { max: number; namedStatements?: boolean },
): Pool {
  const options = dataSource.options as ConnectOptions & { type: string };
  if (options.type !== 'postgres') {
    throw new InvalidOptionsError([`the DataSource is of type '${options.type}'; the outbox needs 'postgres'`]);
  }
  // Read from the options as TypeORM's driver does it. A pg pool's own `options` hide the password from being copied.
  const target = options.replication?.master ?? options;
  const sockets = new Set<Duplex>();
  const { Pool } = loadPg();
  const pool = new Pool({
    connectionString: target.url,
    host: target.host,
    port: target.port,
    user: target.username,
    password: target.password,
    database: target.database,
    ssl: target.ssl,
    connectionTimeoutMillis: options.connectTimeoutMS || CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
    ...options.extra,
    // `0` waits for ever.
    ...(options.extra?.connectionTimeoutMillis === 0 && { connectionTimeoutMillis: CONNECT_TIMEOUT_MS }),
    stream: tracked(sockets, options.extra?.stream),
    application_name: `${options.applicationName ?? target.applicationName ?? 'tallystick'} (outbox)`,
    max,
    maxUses: MAX_USES,
  });
  socketsOf.set(pool, sockets);
  // What would end the process on the application's connections would end the relay with it.
  const { master } = dataSource.driver as { master?: Pool };
  if (master) survivingErrors(master);
  if (!namedStatements) for (const each of [pool, master]) useNoNames(each);
  return survivingErrors(pool);
}

/** Of an `OutboxClient`; others use no names that they were not given. */
function useNoNames(pool: Pool | undefined): void {
  if (pool) Object.assign(pool.options, { namedStatements: false });
}

const socketsOf = new WeakMap<Pool, ReadonlySet<Duplex>>();

/** `pg` ends a connection by saying goodbye and waiting for the answer. Who wants to be sure needs the socket. */
function tracked(sockets: Set<Duplex>, create: PoolConfig['stream']): () => Duplex {
  return () => {
    const socket = create?.() ?? new Socket();
    sockets.add(socket);
    return socket.once('close', () => sockets.delete(socket));
  };
}

/**
 * Ends a pool that `poolFrom` made, in bounded time whatever the network does: afterwards none of its connections is left,
 * and whoever still waited for an answer has an error. A second call is fine.
 */
export async function endPool(pool: Pool): Promise<void> {
  const sockets = socketsOf.get(pool) ?? new Set();
  const closed = async (): Promise<void> => {
    if (!pool.ending) await pool.end();
    await Promise.all([...sockets].map((socket) => once(socket, 'close')));
  };
  const closing = closed().catch(() => {});
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([closing, new Promise((resolve) => (timer = setTimeout(resolve, FAREWELL_MS)))]);
  clearTimeout(timer);
  for (const socket of sockets) socket.destroy();
}

/**
 * The connections of a pool, each used for one piece of work and for a bounded time. One that failed in any way is not put
 * back. If it was silent, or its session was at fault, the others of its age are suspected of the same (a failover, a
 * network that forgot) and are replaced before they are used again.
 */
export class Connections {
  private generation = 0;
  private readonly generations = new WeakMap<PoolClient, number>();

  constructor(
    private readonly pool: Pool,
    private readonly answerTimeoutMs = ANSWER_TIMEOUT_MS,
  ) {
    survivingErrors(pool);
    pool.on('connect', (client) => this.generations.set(client, this.generation));
  }

  async use<T>(what: string, work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.connect();
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const { answerTimeoutMs } = this;
        reject(
          new Error(`${what}: no answer from the database for ${answerTimeoutMs} ms; the connection was given up`),
        );
      }, this.answerTimeoutMs);
    });
    try {
      const working = work(client);
      working.catch(() => {}); // after the time-out nobody listens any more
      const result = await Promise.race([working, silence]);
      client.release();
      return result;
    } catch (error) {
      if (postgresFaults.isSessionFault(error) || codeOf(error) === '') this.generation += 1;
      client.release(true); // in the middle of a statement this destroys the socket
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private async connect(): Promise<PoolClient> {
    for (;;) {
      const client = await this.pool.connect().catch((error: unknown) => {
        throw namingConnectTimeout(error, poolView(this.pool));
      });
      if ((this.generations.get(client) ?? 0) === this.generation) return client;
      client.release(true);
    }
  }
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
