import {
  type MemoryClient,
  type MemoryDatabase,
  MemoryDatabaseError,
  MemoryStore,
  type MemoryTransaction,
  MemoryTransactions,
  MemoryTransport,
  memory,
  OutboxRuntime,
  PLAIN,
  resolveOptions,
  SeededRandom,
} from '@tallystick/outbox/testing';
import { handlersOf, ORDERS, type Service, USERS, type Version } from './business';
import { ProcessClock } from './process-clock';
import type { World } from './world';

/** Short waits, so that a minute of chaos holds many rounds of the protocol. */
const SETTINGS = {
  transport: memory(),
  lease: '3s',
  window: 8,
  backoff: { first: '500ms', max: '15s' },
  receiptWait: { first: '3s', max: '30s' },
  giveUpAfter: '10m',
  maxFollowUpAttempts: 4,
  handlerTimeout: '8s',
  horizon: '14d',
  retention: { outbox: '14d', inbox: '15d' },
  pollInterval: '8s',
};
const SHARING_KINDS = ['group', 'none', 'auto', 'batch'] as const;
export type SharingKind = (typeof SHARING_KINDS)[number];
const PUBLISH_TIMEOUT_MS = 1_000;
const RESTART_MS = 2_000;
const OPTIONS = {
  [USERS]: resolveOptions({ ...SETTINGS, service: USERS }),
  [ORDERS]: resolveOptions({ ...SETTINGS, service: ORDERS }),
};

/**
 * One operating-system process of a service, from its start to its death: the real library on a clock, a database client
 * and a broker connection of its own. Nothing outlives it but what it committed and what it published.
 */
export class SimulatedProcess {
  readonly clock: ProcessClock;
  readonly client: MemoryClient;
  readonly transactions: MemoryTransactions;
  readonly runtime: OutboxRuntime<MemoryTransaction>;
  readonly handlerTimeoutMs: number;
  readonly announces: boolean;
  /** Some processes put several messages into one transaction, in every way there is, beside others that do not. */
  readonly sharing: SharingKind;
  private readonly transport: MemoryTransport;

  constructor(
    private readonly world: World,
    readonly name: string,
    readonly service: Service,
    readonly version: Version,
    database: MemoryDatabase,
    seed: number,
  ) {
    const { broker, faults, journal } = world;
    this.announces = world.scale.announces;
    this.clock = new ProcessClock(world.time, () => world.beforeStep(this));
    this.client = database.connect(async (moment) => {
      if (moment === 'statement' || moment === 'committed') await this.clock.wait(faults.duration(1, 8));
      if (moment === 'begin' && faults.strikes('pool exhausted')) await this.clock.wait(faults.duration(2_000, 40_000));
      if (world.down.has(database)) throw new MemoryDatabaseError('08006', 'the database is down');
      faults.interfere(moment);
    });
    this.transactions = new MemoryTransactions(this.client);
    const options = OPTIONS[service];
    this.handlerTimeoutMs = options.handlerTimeoutMs;
    this.sharing = SHARING_KINDS[seed % SHARING_KINDS.length]!;
    const parts = {
      random: new SeededRandom(seed),
      clock: this.clock,
      monitor: { record: (event: { event: string }) => world.reported(this, event) },
    };
    const deps = { service, codec: PLAIN, maxPayloadBytes: 262_144, resolve: () => undefined, ...parts };
    this.transport = new MemoryTransport(broker, deps, PUBLISH_TIMEOUT_MS);
    this.runtime = new OutboxRuntime<MemoryTransaction>({
      ...parts,
      options,
      store: world.sabotage(new MemoryStore(this.client), this.client),
      transactions: this.transactions,
      transport: this.transport,
      handlers: handlersOf(this),
    });
    journal.write(name, `starts (${version} version)`);
  }

  /** A start that fails, because the database is down, is a start that comes again. */
  async start(): Promise<void> {
    for (;;) {
      try {
        return await this.runtime.start();
      } catch (error) {
        if (!(error instanceof MemoryDatabaseError)) throw error;
        await this.clock.wait(RESTART_MS);
      }
    }
  }

  /** Ends as an operating system asks it to: nothing more is begun, what is in hand is finished. */
  async shutDown(): Promise<void> {
    await this.runtime.stopConsuming();
    await this.runtime.stop();
  }

  /** Dies without a word: open transactions roll back, unacknowledged copies go to others. */
  kill(): void {
    this.clock.stop();
    this.client.kill();
    this.world.broker.disconnect(this.transport);
  }

  /** What applications do: fail for technical reasons, and take too long. */
  async misbehave(where: 'handler' | 'follow-up'): Promise<void> {
    const { faults } = this.world;
    if (where === 'handler' && faults.strikes('handler slow')) {
      await this.clock.wait(faults.duration(1_000, 3 * this.handlerTimeoutMs));
    }
    if (faults.strikes(`${where} failed`)) throw new Error(`the ${where} failed for a technical reason`);
  }
}
