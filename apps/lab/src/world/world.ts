import { randomUUID } from 'node:crypto';
import { Cleanup, freePort, TcpProxy } from '@tallystick/services';
import { Pool } from 'pg';
import type { Answer, PurchaseRequest } from '../business/purchase';
import { ORDER_TABLES, USER_TABLES } from '../business/tables';
import type { Protocol } from '../protocols/protocol';
import type { Side } from '../service/context';
import { Journal } from './journal';
import type { Servers } from './servers';
import { ServiceProcess } from './service-process';

export interface WorldOptions {
  readonly protocol: Protocol;
  readonly servers: Servers;
  /** Rules that are switched off. */
  readonly without?: readonly string[];
  /** Broker and order database are reached through proxies, so that they can go away. Costs time: not where that is measured. */
  readonly proxied?: boolean;
  /** Write down every step. */
  readonly tell?: boolean;
}

/** What every customer has at first, in cents, and every shelf in pieces. */
export const BALANCE = 100_000_000;
export const PIECES = 100_000;
export const PRICE = 1_000;
/** Nobody has one of these. */
const SOLD_OUT = 'moonstone';

interface Parts {
  readonly protocol: Protocol;
  readonly services: Readonly<Record<Side, ServiceProcess>>;
  readonly databases: Readonly<Record<Side, Pool>>;
  readonly databaseUrls: Readonly<Record<Side, string>>;
  readonly proxies: Readonly<Record<'broker' | 'order database', TcpProxy>> | undefined;
  readonly journal: Journal;
}

/**
 * A world that whoever ends the lab will find, even while it is being built: a `rabbitmqctl` that is under way when the broker
 * ends would leave a port mapper behind.
 */
export function openWorld(options: WorldOptions, cleanup: Cleanup): Promise<World> {
  const opening = World.start(options);
  cleanup.defer(() =>
    opening.then(
      (world) => world.stop(),
      () => undefined, // nothing is left of it
    ),
  );
  return opening;
}

/** Two services of one protocol with all they need, and nobody else in it. */
export class World implements Parts {
  readonly protocol: Protocol;
  readonly services: Parts['services'];
  /** Not through the proxies, and not counted. */
  readonly databases: Parts['databases'];
  readonly databaseUrls: Parts['databaseUrls'];
  /** To what can go away, if it was asked for. */
  readonly proxies: Parts['proxies'];
  readonly journal: Journal;
  private customers = 0;
  private stopping?: Promise<void>;

  private constructor(
    parts: Parts,
    private readonly settled: Map<string, () => void>,
    private readonly cleanup: Cleanup,
  ) {
    this.protocol = parts.protocol;
    this.services = parts.services;
    this.databases = parts.databases;
    this.databaseUrls = parts.databaseUrls;
    this.proxies = parts.proxies;
    this.journal = parts.journal;
  }

  /** If something does not start, nothing is left. */
  static async start(options: WorldOptions): Promise<World> {
    const cleanup = new Cleanup();
    const settled = new Map<string, () => void>();
    try {
      const parts = await build(options, cleanup, (purchaseId) => settled.get(purchaseId)?.());
      await Promise.all(Object.values(parts.services).map((service) => service.start()));
      return new World(parts, settled, cleanup);
    } catch (error) {
      await cleanup.run();
      throw error;
    }
  }

  /** Somebody new, with money, and a shelf of their own: what others have left does not disturb. @returns their number */
  async newCustomer(): Promise<number> {
    const [customer] = await this.newCustomers(1);
    return customer!;
  }

  async newCustomers(count: number): Promise<number[]> {
    const numbers = Array.from({ length: count }, () => (this.customers += 1));
    await this.databases.user.query('insert into account (customer_id, balance) select unnest($1::int[]), $2 -- lab', [
      numbers,
      BALANCE,
    ]);
    await this.databases.order.query('insert into stock (sku, quantity) select unnest($1::text[]), $2 -- lab', [
      numbers.map(shelfOf),
      PIECES,
    ]);
    return numbers;
  }

  /** @returns a purchase that is worth its money, or one of something that is sold out */
  request(customerId: number, rejected = false, shelf = customerId): PurchaseRequest {
    const sku = rejected ? SOLD_OUT : shelfOf(shelf);
    return { purchaseId: randomUUID(), customerId, sku, amount: PRICE };
  }

  /** @throws Died, or whatever the shopper is told */
  buy(request: PurchaseRequest): Promise<Answer> {
    return this.services.user.ask({ kind: 'buy', request });
  }

  /** Buys, and waits until it is known how it ended. @returns when the shopper had an answer, and when it was final */
  async buyToTheEnd(request: PurchaseRequest): Promise<{ answeredMs: number; finalMs: number }> {
    const began = performance.now();
    const final = new Promise<void>((resolve) => this.settled.set(request.purchaseId, resolve));
    const answer = await this.buy(request);
    const answeredMs = performance.now() - began;
    if (answer === 'accepted') await final;
    this.settled.delete(request.purchaseId);
    return { answeredMs, finalMs: performance.now() - began };
  }

  /** Can be called twice: both wait until everything is gone. */
  stop(): Promise<void> {
    return (this.stopping ??= this.cleanup.run());
  }
}

export function shelfOf(customerId: number): string {
  return `shelf-${customerId}`;
}

async function build(
  { protocol, servers, without = [], proxied = false, tell = false }: WorldOptions,
  cleanup: Cleanup,
  onSettled: (purchaseId: string) => void,
): Promise<Parts> {
  const { postgres, rabbit } = servers;
  const business: Record<Side, string> = { user: USER_TABLES, order: ORDER_TABLES };
  const tables = await protocol.tables();
  const urls = {} as Record<Side, string>;
  const databases = {} as Record<Side, Pool>;
  for (const side of ['user', 'order'] as const) {
    const url = (urls[side] = await postgres.createDatabase());
    cleanup.defer(() => dropDatabase(servers, url));
    const pool = (databases[side] = new Pool({ connectionString: url, max: 4, application_name: 'lab' }));
    pool.on('error', () => {});
    cleanup.defer(() => pool.end());
    await pool.query(business[side] + tables[side]);
  }
  const amqpUrl = protocol.broker ? await rabbit.createVhost() : rabbit.url;
  if (protocol.broker) cleanup.defer(() => rabbit.deleteVhost(amqpUrl));
  const journal = cleanup.stopLater(await Journal.open());
  const ports = { user: await freePort(), order: await freePort() };

  const proxy = async (port: number): Promise<TcpProxy> => {
    const made = new TcpProxy({ targetPort: port });
    await made.listen();
    cleanup.defer(() => made.close());
    return made;
  };
  const proxies = proxied
    ? {
        broker: await proxy(rabbit.port),
        'order database': await proxy(postgres.port),
      }
    : undefined;

  const service = (side: Side): ServiceProcess => {
    const other = side === 'user' ? 'order' : 'user';
    return cleanup.stopLater(
      new ServiceProcess(
        {
          protocol: protocol.name,
          side,
          databaseUrl: side === 'order' ? through(urls.order, proxies?.['order database']) : urls.user,
          amqpUrl: through(amqpUrl, proxies?.broker),
          port: ports[side],
          peerUrl: `http://127.0.0.1:${ports[other]}`,
          without,
          journal: journal.file,
          tell,
        },
        onSettled,
      ),
    );
  };
  const services = { user: service('user'), order: service('order') };
  return { protocol, services, databases, databaseUrls: urls, proxies, journal };
}

/** A prepared transaction holds its database: that is the lesson, but nothing to leave behind. */
async function dropDatabase({ postgres }: Servers, url: string): Promise<void> {
  const pool = new Pool({ connectionString: url, max: 1 });
  pool.on('error', () => {});
  try {
    const sql = 'select gid from pg_prepared_xacts where database = current_database()';
    for (const { gid } of (await pool.query<{ gid: string }>(sql)).rows) await pool.query(`rollback prepared '${gid}'`);
  } finally {
    await pool.end();
  }
  await postgres.dropDatabase(url);
}

function through(url: string, proxy: TcpProxy | undefined): string {
  if (!proxy) return url;
  const changed = new URL(url);
  changed.port = String(proxy.port);
  return changed.href;
}
