import { connectDatabase, type DatabaseClient } from '@tallystick/services';
import { DualWriteConsumer, DualWriteProducer } from '../baselines/dual-write';
import { EntityInboxConsumer, type EntityOutboxOptions, EntityOutboxProducer } from '../baselines/entity-outbox';
import { HandWrittenConsumer, type HandWrittenConsumerOptions } from '../baselines/consumer';
import { HandWrittenProducer, type HandWrittenProducerOptions } from '../baselines/producer';
import { HandWrittenRelay } from '../baselines/relay';
import { closedLoop, type Load, now, openLoop, sell, sellAtRate } from '../business/load';
import type { Consumer, Producer, SideOptions } from '../business/sides';
import { LibraryConsumer, type LibraryConsumerOptions } from '../library/consumer';
import { LibraryProducer, type LibraryProducerOptions } from '../library/producer';
import { PEERS, type PeerName } from '../peers';
import type { PeerSideOptions, Seller } from '../peers/peer';
import { LibraryShop, type LibraryShopOptions } from '../library/shop';

/** What a load came to. */
export interface LoadResult {
  readonly tookMs: number;
  /** Commit → completed, by the database's and this process's clock on one machine. */
  readonly latenciesMs: readonly number[];
}

/** When a message was completed, milliseconds since the epoch. */
interface Completion {
  readonly id: string;
  readonly at: number;
}

interface Usage {
  readonly cpuMs: number;
  readonly atMs: number;
  readonly rssBytes: number;
}

abstract class Role {
  /** Processor time of this process so far, and its memory. */
  async usage(): Promise<Usage> {
    const { user, system } = process.cpuUsage();
    return { cpuMs: (user + system) / 1000, atMs: performance.now(), rssBytes: process.memoryUsage.rss() };
  }
}

abstract class ProducerRole<Side extends Producer> extends Role {
  constructor(protected readonly side: Side) {
    super();
  }

  /** When these messages were completed. Asked afterwards, so that measuring costs the measured nothing. */
  protected abstract completions(ids: readonly string[]): Promise<readonly Completion[]>;

  start(): Promise<void> {
    return this.side.start();
  }

  async stop(): Promise<void> {
    await this.side.stop();
  }

  async roundTrips(load: { count: number; concurrency: number; users?: number }): Promise<LoadResult> {
    return this.result(await closedLoop(this.side, load));
  }

  async atRate(load: { perSecond: number; seconds: number }): Promise<LoadResult> {
    return this.result(await openLoop(this.side, load));
  }

  private async result({ tookMs, committedAt }: Load): Promise<LoadResult> {
    const completions = await this.completions([...committedAt.keys()]);
    return { tookMs, latenciesMs: completions.map(({ id, at }) => Math.max(0, at - committedAt.get(id)!)) };
  }
}

/** Where the rows of messages say when they were completed. */
interface CompletedRows {
  readonly table: string;
  readonly id: string;
}

/** A producer whose rows say when they were completed. */
class OutboxProducerRole<Side extends Producer> extends ProducerRole<Side> {
  private client: DatabaseClient | undefined;

  constructor(
    side: Side,
    private readonly options: SideOptions,
    private readonly rows: CompletedRows,
  ) {
    super(side);
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.client?.end();
  }

  protected async completions(ids: readonly string[]): Promise<readonly Completion[]> {
    this.client ??= await connectDatabase(this.options.databaseUrl, 'bench');
    const { table, id } = this.rows;
    const sql = {
      postgres: `
select ${id} as id, extract(epoch from settled_at)::float8 * 1000 as at from ${table} where ${id} = any (?::uuid[]) -- bench`,
      mariadb: `
select ${id} as id, timestampdiff(microsecond, '1970-01-01', settled_at) / 1000 as at from ${table} where ${id} in (?)`,
    }[this.client.kind];
    const found = await this.client.ask<{ id: string; at: number | string }>(sql, [ids]);
    return found.map(({ id, at }) => ({ id, at: Number(at) }));
  }
}

class LibraryProducerRole extends OutboxProducerRole<LibraryProducer> {
  constructor(options: LibraryProducerOptions) {
    super(new LibraryProducer(options), options, { table: 'outbox_delivery', id: 'message_id' });
  }

  async published(): Promise<number> {
    return this.side.published;
  }

  prune(): Promise<void> {
    return this.side.prune();
  }

  dashboardUrl(): Promise<string> {
    return this.side.dashboardUrl();
  }

  search({ filter, times }: { filter: string; times: number }): Promise<number[]> {
    return this.side.search(filter, times);
  }
}

const HAND_WRITTEN_ROWS: CompletedRows = { table: 'outbox', id: 'id' };

class DualWriteProducerRole extends ProducerRole<DualWriteProducer> {
  protected async completions(ids: readonly string[]): Promise<readonly Completion[]> {
    return ids.map((id) => ({ id, at: this.side.completedAt.get(id)! }));
  }
}

class ConsumerRole extends Role {
  private count = 0;

  constructor(private readonly side: Consumer) {
    super();
    side.onHandled = () => (this.count += 1);
  }

  start(): Promise<void> {
    return this.side.start();
  }

  stop(): Promise<void> {
    return this.side.stop();
  }

  async handled(): Promise<number> {
    return this.count;
  }
}

/** Sells, and does not wait for what comes of it. */
class SellerRole extends Role {
  constructor(private readonly seller: Seller) {
    super();
  }

  start(): Promise<void> {
    return this.seller.start();
  }

  stop(): Promise<void> {
    return this.seller.stop();
  }

  sell(load: { count: number; concurrency: number }): Promise<ReadonlyMap<string, number>> {
    return sell(this.seller, load);
  }

  sellAtRate(load: { perSecond: number; seconds: number }): Promise<ReadonlyMap<string, number>> {
    return sellAtRate(this.seller, load);
  }
}

/** Creates orders, and remembers when. */
class OrdersRole extends Role {
  private at = new Map<string, number>();

  constructor(private readonly side: Consumer) {
    super();
    side.onHandled = (id) => this.at.set(id, now());
  }

  start(): Promise<void> {
    return this.side.start();
  }

  stop(): Promise<void> {
    return this.side.stop();
  }

  /** How many orders since {@link takeHandled}. */
  async handled(): Promise<number> {
    return this.at.size;
  }

  /** When they were created, by id; milliseconds since the epoch. */
  async takeHandled(): Promise<ReadonlyMap<string, number>> {
    const taken = this.at;
    this.at = new Map();
    return taken;
  }
}

type PeerOptions = PeerSideOptions & { readonly peer: PeerName };
type PooledOptions = SideOptions & { readonly poolSize: number };
type ConcurrentOptions = SideOptions & { readonly concurrency: number };

const ROLES = {
  'library-producer': (options: LibraryProducerOptions) => new LibraryProducerRole(options),
  'library-consumer': (options: LibraryConsumerOptions) => new ConsumerRole(new LibraryConsumer(options)),
  'library-seller': (options: LibraryProducerOptions) => new SellerRole(new LibraryProducer(options)),
  'library-orders': (options: LibraryConsumerOptions) => new OrdersRole(new LibraryConsumer(options)),
  'peer-seller': ({ peer, ...options }: PeerOptions) => new SellerRole(new PEERS[peer].seller(options)),
  'peer-orders': ({ peer, ...options }: PeerOptions) => new OrdersRole(new PEERS[peer].orders(options)),
  'library-shop': (options: LibraryShopOptions) => new LibraryShop(options),
  'raw-producer': (options: HandWrittenProducerOptions) =>
    new OutboxProducerRole(new HandWrittenProducer(options), options, HAND_WRITTEN_ROWS),
  'raw-relay': (options: SideOptions) => new HandWrittenRelay(options),
  'raw-consumer': (options: HandWrittenConsumerOptions) => new ConsumerRole(new HandWrittenConsumer(options)),
  'entity-producer': (options: EntityOutboxOptions) =>
    new OutboxProducerRole(new EntityOutboxProducer(options), options, HAND_WRITTEN_ROWS),
  'entity-consumer': (options: ConcurrentOptions) => new ConsumerRole(new EntityInboxConsumer(options)),
  'dual-write-producer': (options: PooledOptions) => new DualWriteProducerRole(new DualWriteProducer(options)),
  'dual-write-consumer': (options: ConcurrentOptions) => new ConsumerRole(new DualWriteConsumer(options)),
};

export type RoleName = keyof typeof ROLES;
export type Roles = { [Name in RoleName]: ReturnType<(typeof ROLES)[Name]> };
export type RoleOptions<Name extends RoleName> = Parameters<(typeof ROLES)[Name]>[0];

export function createRole<Name extends RoleName>(name: Name, options: RoleOptions<Name>): Roles[Name] {
  return (ROLES[name] as (options: RoleOptions<Name>) => Roles[Name])(options);
}
