import { createServer } from 'node:net';
import { once } from 'node:events';
import { type Cleanup, connectDatabase, freePort, startMariaDb, startPostgres } from '@tallystick/services';
import { type Carrier, findCarrier } from './carrier';
import { type BrokerSwitch, layLine, laySlowLine, type Line, type Slowness } from './line';
import { ServiceProcess, type ServiceWatcher } from './service-process';
import type { Terminal } from './terminal';

export interface LaunchOptions {
  readonly ports: { readonly user: number; readonly order: number };
  /** @default whatever there is */
  readonly transport?: 'rabbitmq' | 'direct';
  readonly amqpUrl?: string;
  /** What is started to hold the tables, unless there are databases already. */
  readonly database: 'postgres' | 'mariadb';
  /** Databases of somebody else. @default two on a server that is started for them */
  readonly databases?: Databases;
  /** Shows what the services write. */
  readonly verbose: boolean;
}

export interface Databases {
  readonly user: string;
  readonly order: string;
}

/** Everything is up. */
export interface Running {
  readonly user: string;
  readonly order: string;
  readonly databases: Databases;
  readonly carrier: Carrier;
  readonly userService: ServiceProcess;
  readonly orderService: ServiceProcess;
  /** Absent where the demo cannot break it, as the others. */
  readonly line?: Line;
  readonly brokerSwitch?: BrokerSwitch;
  /** Of order-service's database. */
  readonly slowness?: Slowness;
}

/** Something a person can put right. Its message says how; a stack trace would not help. */
export class DemoError extends Error {}

const HOST = '127.0.0.1';

/**
 * Starts databases, broker and both services, in that order. Whatever was started is in `cleanup`, also when this
 * rejects. `signal` ends it between two steps.
 */
export async function launch(
  options: LaunchOptions,
  terminal: Terminal,
  cleanup: Cleanup,
  signal: AbortSignal,
  onDeath: (report: string) => void,
): Promise<Running> {
  await checkPorts(options.ports);
  const onProgress = (line: string): void => terminal.progress(line);

  const [databases, carrier] = await together([
    findDatabases(options, onProgress, cleanup),
    findCarrier({ wanted: options.transport, amqpUrl: options.amqpUrl, onProgress }, cleanup),
  ]);
  terminal.progress(`Transport: ${carrier.transport} (${carrier.why})`);
  signal.throwIfAborted();

  const address = `${HOST}:${await freePort()}`;
  const { line, brokers, brokerSwitch, addressOfOrders } = await layLine(carrier, address, cleanup);
  const slow = await laySlowLine(databases.order, cleanup);
  const common = {
    HOST,
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
    TRANSPORT: carrier.transport,
  };
  const service = (side: 'user' | 'order', more: NodeJS.ProcessEnv): ServiceProcess => {
    const name = `${side}-service` as const;
    const watcher: ServiceWatcher = { onDeath };
    if (options.verbose) watcher.onLine = (line) => terminal.progress(`${name} | ${line}`);
    const environment: NodeJS.ProcessEnv = {
      ...common,
      PORT: String(options.ports[side]),
      DATABASE_URL: databases[side],
      ...more,
    };
    if (brokers) environment.AMQP_URL = brokers[side];
    const made = new ServiceProcess(name, environment, watcher);
    cleanup.defer(() => made.stop());
    signal.addEventListener('abort', () => void made.stop()); // also while it is starting
    return made;
  };
  const orderService = service('order', {
    DIRECT_LISTEN: address,
    ...(slow && { DATABASE_URL: slow.url }),
  });
  const userService = service('user', {
    ORDER_SERVICE_ADDRESS: addressOfOrders,
    ORDER_SERVICE_INBOX: databases.order,
  });
  terminal.progress('user-service and order-service: starting');
  await together([userService.start(), orderService.start()]);
  signal.throwIfAborted();

  const { ports } = options;
  return {
    user: `http://${HOST}:${ports.user}`,
    order: `http://${HOST}:${ports.order}`,
    databases,
    carrier,
    userService,
    orderService,
    ...(line && { line }),
    ...(brokerSwitch && { brokerSwitch }),
    ...(slow && { slowness: slow.slowness }),
  };
}

async function findDatabases(
  { database, databases }: LaunchOptions,
  onProgress: (line: string) => void,
  cleanup: Cleanup,
): Promise<Databases> {
  if (databases) {
    await checkDatabase('DATABASE_URL_USER', databases.user);
    await checkDatabase('DATABASE_URL_ORDER', databases.order);
    return databases;
  }
  const server = cleanup.stopLater(
    await (database === 'mariadb' ? startMariaDb({ install: true, onProgress }) : startPostgres({ onProgress })),
  );
  const [user, order] = await Promise.all([
    server.createDatabase('user_service'),
    server.createDatabase('order_service'),
  ]);
  return { user, order };
}

async function checkDatabase(variable: string, url: string): Promise<void> {
  try {
    const client = await connectDatabase(url, 'tallystick-demo');
    await client.end();
  } catch (error) {
    // Not the url: it holds a password.
    throw new DemoError(`The database of ${variable} does not let us in: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** All of them, or the first error once none is under way any more: what they have begun is then known to `cleanup`. */
async function together<T extends readonly Promise<unknown>[]>(
  work: [...T],
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** Asked first, because the answer is sooner and clearer than that of a service that could not start. */
async function checkPorts(ports: LaunchOptions['ports']): Promise<void> {
  for (const [side, port] of Object.entries(ports)) {
    const server = createServer().listen(port, HOST);
    try {
      await once(server, 'listening');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const reason = code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be used (${code})`;
      throw new DemoError(
        `Port ${port}, for ${side}-service, ${reason}.\n` +
          `Stop that program, or choose other ports: npm start -- --ports ${ports.user + 100},${ports.order + 100}`,
        { cause: error },
      );
    }
    server.close();
    await once(server, 'close');
  }
}
