import { Cleanup, connectDatabase, type DatabaseClient, freePort, until } from '@tallystick/services';
import type { Script } from './contract';
import type { RigServer } from './databases';
import type { RecordCommand } from './producer/commands.controller';
import { RigProcess, type Side } from './rig-process';
import { type RigSettings, settingsVariable } from './settings';
import { createTables } from './tables';

export interface RigOptions {
  /** Two databases are created there, and dropped again by `stop()`. */
  readonly server: RigServer;
  /** Of an empty virtual host, several of a cluster with commas between them; or `direct` for calls without a broker. */
  readonly amqpUrl: string | { readonly producer: string; readonly consumer: string };
  /** Other ports for the processes to reach the server through, e.g. a proxy's. */
  readonly databasePort?: { readonly producer?: number; readonly consumer?: number };
  /** @default 1 */
  readonly producers?: number;
  /** More producers that take no commands and relay; then `producers` record only. @default 0 */
  readonly relaysOnly?: number;
  /** One at most with direct calls. @default 1 */
  readonly consumers?: number;
  /** Over {@link QUICK}. */
  readonly options?: RigSettings;
  /** More environment variables of every process. */
  readonly environment?: NodeJS.ProcessEnv;
  /** False: the caller starts the processes. @default true */
  readonly start?: boolean;
}

export interface PurchaseCommand {
  readonly accountId: string;
  readonly amount: number;
  readonly script?: Script;
}

export interface Recorded {
  readonly purchaseId: string;
  readonly messageId: string;
}

export interface DatabaseUrls {
  readonly producer: string;
  readonly consumer: string;
}

/** The processes, their databases, and commands in a line each. */
export class Rig {
  constructor(
    readonly producers: readonly [RigProcess, ...RigProcess[]],
    readonly relays: readonly RigProcess[],
    readonly consumers: readonly [RigProcess, ...RigProcess[]],
    /** Not through a proxy. */
    readonly databaseUrls: DatabaseUrls,
    /** Where the consumer takes direct calls, if it does. */
    readonly directAddress: string,
    private readonly cleanup: Cleanup,
  ) {}

  get all(): RigProcess[] {
    return [...this.producers, ...this.relays, ...this.consumers];
  }

  /** What must never happen to any process, whatever is done to it. */
  get problems(): string[] {
    return this.all.flatMap(({ problems }) => problems);
  }

  /** @returns the id of the account */
  async openAccount(balance: number): Promise<string> {
    return (await this.producers[0].send<{ id: string }>('POST', 'accounts', { balance })).id;
  }

  async record(purchase: PurchaseCommand, producer = this.producers[0]): Promise<Recorded> {
    const [recorded] = await this.recordMany({ ...purchase, count: 1 }, producer);
    return recorded!;
  }

  /** Resolves when all are committed. */
  recordMany(command: RecordCommand, producer = this.producers[0]): Promise<Recorded[]> {
    return producer.send('POST', 'purchases', command, 300_000);
  }

  /** The state of a delivery, from the database. */
  async stateOf(messageId: string): Promise<string | undefined> {
    const sql = 'select state from outbox_delivery where message_id = ?';
    const [row] = await this.query<{ state: string }>('producer', sql, [messageId]);
    return row?.state;
  }

  async reaches(messageId: string, state: string, timeoutMs = 60_000): Promise<void> {
    let last: string | undefined;
    const there = async (): Promise<boolean> => (last = await this.stateOf(messageId)) === state;
    await until(`message ${messageId} is ${state}`, there, { timeoutMs }).catch((error: Error) => {
      throw new Error(`${error.message} (it is ${last})`);
    });
  }

  /** Resolves when no delivery is open, except as many parked ones. */
  async settled({ parked = 0, timeoutMs = 120_000 } = {}): Promise<void> {
    let counts: Record<string, number> = {};
    const open = 'select state, count(*) as count from outbox_delivery where settled_at is null group by state';
    const done = async (): Promise<boolean> => {
      const rows = await this.query<{ state: string; count: string }>('producer', open);
      counts = Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]));
      return (counts.parked ?? 0) === parked && rows.every(({ state }) => state === 'parked');
    };
    await until('every delivery has come to its end', done, { timeoutMs, everyMs: 100 }).catch((error: Error) => {
      throw new Error(`${error.message} (still open: ${JSON.stringify(counts)})`);
    });
  }

  /** Asks a database, on a connection of its own, with `?` for values. What is `bigint` there arrives as text. */
  async query<Row extends object>(side: Side, sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.use(side, ({ ask }) => ask<Row>(sql, values));
  }

  /** On a connection of its own. */
  async use<T>(side: Side, work: (client: DatabaseClient) => Promise<T>): Promise<T> {
    const client = await connectDatabase(this.databaseUrls[side], 'rig');
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  /** Stops the processes and drops the databases. @throws Error if a process did what none may ever do */
  async stop(): Promise<void> {
    await this.cleanup.run();
    if (this.problems.length > 0) throw new Error(this.problems.join('\n'));
  }
}

/** Creates the databases and starts the processes. If one does not start, nothing is left. */
export async function startRig(options: RigOptions): Promise<Rig> {
  const { server, amqpUrl, producers = 1, relaysOnly = 0, consumers = 1, options: settings = {} } = options;
  const cleanup = new Cleanup();
  const databaseUrls = { producer: await server.createDatabase(), consumer: await server.createDatabase() };
  for (const url of Object.values(databaseUrls)) cleanup.defer(() => server.dropDatabase(url));
  const directAddress = `127.0.0.1:${await freePort()}`;

  const processes = async (count: number, side: Side, relay: boolean): Promise<RigProcess[]> => {
    const made: RigProcess[] = [];
    for (let index = 0; index < count; index++) {
      const port = await freePort();
      const process = new RigProcess(side, `http://127.0.0.1:${port}`, {
        ...settingsVariable(settings),
        RIG_PORT: String(port),
        RIG_DATABASE_URL: withPort(databaseUrls[side], options.databasePort?.[side]),
        ...(amqpUrl !== 'direct' && { RIG_AMQP_URL: typeof amqpUrl === 'string' ? amqpUrl : amqpUrl[side] }),
        RIG_DIRECT_ADDRESS: directAddress,
        RIG_RELAY: String(relay),
        ...options.environment,
      });
      made.push(cleanup.stopLater(process));
    }
    return made;
  };

  try {
    await createTables(databaseUrls);
    const rig = new Rig(
      atLeastOne(await processes(producers, 'producer', relaysOnly === 0)),
      await processes(relaysOnly, 'producer', true),
      atLeastOne(await processes(consumers, 'consumer', true)),
      databaseUrls,
      directAddress,
      cleanup,
    );
    if (options.start ?? true) await Promise.all(rig.all.map((each) => each.start()));
    return rig;
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

function atLeastOne<T>(items: T[]): [T, ...T[]] {
  const [first, ...others] = items;
  if (first === undefined) throw new RangeError('A rig has at least one producer and one consumer.');
  return [first, ...others];
}

function withPort(url: string, port: number | undefined): string {
  if (port === undefined) return url;
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
