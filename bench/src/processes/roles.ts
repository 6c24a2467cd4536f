import { Pool } from 'pg';
import { HandWrittenConsumer, type HandWrittenConsumerOptions } from '../baselines/consumer';
import { HandWrittenProducer, type HandWrittenProducerOptions } from '../baselines/producer';
import { HandWrittenRelay } from '../baselines/relay';
import { closedLoop, type Load, openLoop } from '../business/load';
import type { Consumer, Producer, SideOptions } from '../business/sides';
import { LibraryConsumer, type LibraryConsumerOptions } from '../library/consumer';
import { LibraryProducer, type LibraryProducerOptions } from '../library/producer';
import { LibraryShop, type LibraryShopOptions } from '../library/shop';

/** What a load came to. */
export interface LoadResult {
  readonly tookMs: number;
  /** Commit → completed, by the database's and this process's clock on one machine. */
  readonly latenciesMs: readonly number[];
}

interface Usage {
  readonly cpuMs: number;
  readonly atMs: number;
}

abstract class Role {
  /** Processor time of this process so far. */
  async usage(): Promise<Usage> {
    const { user, system } = process.cpuUsage();
    return { cpuMs: (user + system) / 1000, atMs: performance.now() };
  }
}

class ProducerRole<Side extends Producer> extends Role {
  private readonly pool: Pool;

  constructor(
    protected readonly side: Side,
    { databaseUrl }: SideOptions,
    /** Selects id and time of completion (`at`, milliseconds since the epoch) of the messages `$1`. */
    private readonly completions: string,
  ) {
    super();
    this.pool = new Pool({ connectionString: databaseUrl, max: 1 });
  }

  start(): Promise<void> {
    return this.side.start();
  }

  async stop(): Promise<void> {
    await this.side.stop();
    await this.pool.end();
  }

  async roundTrips(load: { count: number; concurrency: number }): Promise<LoadResult> {
    return this.result(await closedLoop(this.side, load));
  }

  async atRate(load: { perSecond: number; seconds: number }): Promise<LoadResult> {
    return this.result(await openLoop(this.side, load));
  }

  /** Looked up afterwards, so that measuring costs the measured nothing. */
  private async result({ tookMs, committedAt }: Load): Promise<LoadResult> {
    const { rows } = await this.pool.query<{ id: string; at: number }>(`${this.completions} -- bench`, [
      [...committedAt.keys()],
    ]);
    return { tookMs, latenciesMs: rows.map(({ id, at }) => Math.max(0, at - committedAt.get(id)!)) };
  }
}

class LibraryProducerRole extends ProducerRole<LibraryProducer> {
  constructor(options: LibraryProducerOptions) {
    super(
      new LibraryProducer(options),
      options,
      `select message_id as id, extract(epoch from settled_at)::float8 * 1000 as at
      from outbox_delivery where message_id = any ($1::uuid[])`,
    );
  }

  async published(): Promise<number> {
    return this.side.published;
  }

  prune(): Promise<void> {
    return this.side.prune();
  }
}

class HandWrittenProducerRole extends ProducerRole<HandWrittenProducer> {
  constructor(options: HandWrittenProducerOptions) {
    super(
      new HandWrittenProducer(options),
      options,
      `select id, extract(epoch from settled_at)::float8 * 1000 as at from outbox where id = any ($1::uuid[])`,
    );
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

const ROLES = {
  'library-producer': (options: LibraryProducerOptions) => new LibraryProducerRole(options),
  'library-consumer': (options: LibraryConsumerOptions) => new ConsumerRole(new LibraryConsumer(options)),
  'library-shop': (options: LibraryShopOptions) => new LibraryShop(options),
  'raw-producer': (options: HandWrittenProducerOptions) => new HandWrittenProducerRole(options),
  'raw-relay': (options: SideOptions) => new HandWrittenRelay(options),
  'raw-consumer': (options: HandWrittenConsumerOptions) => new ConsumerRole(new HandWrittenConsumer(options)),
};

export type RoleName = keyof typeof ROLES;
export type Roles = { [Name in RoleName]: ReturnType<(typeof ROLES)[Name]> };
export type RoleOptions<Name extends RoleName> = Parameters<(typeof ROLES)[Name]>[0];

export function createRole<Name extends RoleName>(name: Name, options: RoleOptions<Name>): Roles[Name] {
  return (ROLES[name] as (options: RoleOptions<Name>) => Roles[Name])(options);
}
