import { clientOfThisProject } from '../../adapters/postgres/client/client.fixture';
import { testDatabasesArePooled, until } from '@tallystick/services';
import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IsString, IsUUID } from 'class-validator';
import { DataSource } from 'typeorm';
import type { FaultPlan } from '../memory/fates';
import { MemoryBroker } from '../memory/memory-broker';
import { MemoryTransport } from '../memory/memory-transport';
import { type RoleSettings, urlOfRole } from '../../adapters/postgres/postgres.fixture';
import { SystemClock } from '../../adapters/system/system-clock';
import type { Duration } from '../../message/duration';
import type { OutboxEventName } from '../../message/events';
import type { TransportFactory } from '../../ports/transport';
import {
  Compensate,
  type FollowUpContext,
  type IsolationLevel,
  type MessageContext,
  MessageHandler,
  MessageRejected,
  OnAccepted,
  Outbox,
  OUTBOX_MIGRATIONS,
  OutboxMessage,
  OutboxModule,
  OutboxMonitor,
  postgres,
  Transactions,
} from '../../index';

/** Short leases, so that what a lost connection left leased is soon due again. */
export const PUBLISH_TIMEOUT_MS = 400;

const PRICE = 5;
export const STARTING = { accounts: ['ada', 'ben', 'cleo'], balance: 1_000, skus: ['stick', 'knife'] } as const;

@OutboxMessage({ type: 'purchase.made', to: 'shop' })
export class PurchaseMade {
  @IsUUID() purchase!: string;
  @IsString() sku!: string;
}

/** Where something is to happen once, in the middle of a purchase. */
export type Moment = 'buying' | 'shipping' | 'completing';

/** Both halves of the protocol in one service, on rows that everybody wants: three accounts and two shelves. */
@Injectable()
export class Shop {
  /** Called at the moment it is named for, inside the transaction. */
  readonly at: Partial<Record<Moment, (context: { manager: MessageContext['manager'] }) => unknown>> = {};

  constructor(
    readonly transactions: Transactions,
    readonly outbox: Outbox,
    readonly dataSource: DataSource,
  ) {}

  /** The purchase's id is the message's, so that a repeated request finds the first one. */
  async buy(
    id: string,
    { account, sku, isolation }: { account: string; sku: string; isolation?: IsolationLevel },
  ): Promise<void> {
    await this.transactions.run(
      async (manager) => {
        await manager.query('insert into purchase (id, account) values ($1, $2)', [id, account]);
        await manager.query('update account set balance = balance - $2 where id = $1', [account, PRICE]);
        await this.outbox.add(PurchaseMade, { purchase: id, sku }, { id });
        await this.at.buying?.({ manager });
      },
      { isolation },
    );
  }

  @MessageHandler(PurchaseMade, { concurrency: 10 })
  async ship({ purchase, sku }: PurchaseMade, context: MessageContext): Promise<void> {
    const { manager } = context;
    const [, taken] = (await manager.query('update shelf set pieces = pieces - 1 where sku = $1 and pieces > 0', [
      sku,
    ])) as [unknown, number];
    if (taken === 0) throw new MessageRejected('OUT_OF_STOCK');
    await manager.query('insert into shipment (purchase) values ($1)', [purchase]);
    await this.at.shipping?.(context);
  }

  @OnAccepted(PurchaseMade)
  async complete({ purchase }: PurchaseMade, context: FollowUpContext): Promise<void> {
    await context.manager.query("insert into ending (purchase, what) values ($1, 'completed')", [purchase]);
    await this.at.completing?.(context);
  }

  @Compensate(PurchaseMade)
  async refund({ purchase }: PurchaseMade, { manager }: FollowUpContext): Promise<void> {
    await manager.query("insert into ending (purchase, what) values ($1, 'refunded')", [purchase]);
    await manager.query(
      'update account set balance = balance + $2 where id = (select account from purchase where id = $1)',
      [purchase, PRICE],
    );
  }
}

export interface ShopOptions {
  /** Of the role that the shops connect as. */
  readonly settings?: RoleSettings;
  /** Instances of the service, each with its own relay and pools. @default 1 */
  readonly instances?: number;
  /** Pieces of each article. @default 1,000 */
  readonly pieces?: number;
  /** Connections of each pool. */
  readonly poolSize?: number;
  /** Of the broker in memory. */
  readonly faults?: FaultPlan;
  /** @default the broker in memory */
  readonly transport?: TransportFactory;
  /** Of handlers and follow-ups. @default the library's */
  readonly handlerTimeout?: number;
  /** @default a second */
  readonly lease?: Duration;
  /** @default the library's */
  readonly shutdownTimeout?: number;
  /** Where the shops connect instead of the database's own port. */
  readonly port?: number;
}

/** Shops on one PostgreSQL database, with a broker between them. */
export class ShopFixture {
  private constructor(
    readonly owner: DataSource,
    readonly shops: readonly Shop[],
    private readonly applications: TestingModule[],
    private readonly pieces: number,
  ) {}

  static async start(databaseUrl: string, options: ShopOptions = {}): Promise<ShopFixture> {
    const { instances = 1, pieces = 1_000 } = options;
    const owner = await new DataSource({
      type: 'postgres',
      url: databaseUrl,
      migrations: OUTBOX_MIGRATIONS,
      connectTimeoutMS: 5_000,
    }).initialize();
    await owner.runMigrations();
    await owner.query(`
      create table account (id text primary key, balance int not null);
      create table shelf (sku text primary key, pieces int not null check (pieces >= 0));
      create table purchase (id uuid primary key, account text not null);
      create table shipment (purchase uuid not null);
      create table ending (purchase uuid not null, what text not null);`);
    for (const account of STARTING.accounts)
      await owner.query('insert into account values ($1, $2)', [account, STARTING.balance]);
    for (const sku of STARTING.skus) await owner.query('insert into shelf values ($1, $2)', [sku, pieces]);

    const url = new URL(await urlOfRole(owner, databaseUrl, options.settings ?? {}));
    await owner.query(`grant select, insert, update, delete on all tables in schema public to ${url.username}`);
    await owner.query(`grant usage on all sequences in schema public to ${url.username}`);
    if (options.port) url.port = String(options.port);
    const broker = new MemoryBroker(new SystemClock(), options.faults);
    const { transport = inMemory(broker) } = options;
    const applications: TestingModule[] = [];
    for (let instance = 0; instance < instances; instance++)
      applications.push(await application(url.href, transport, options));
    return new ShopFixture(
      owner,
      applications.map((each) => each.get(Shop)),
      applications,
      pieces,
    );
  }

  /** How often this happened, in all instances. */
  count(event: OutboxEventName): number {
    const counts = this.applications.map((each) => each.get(OutboxMonitor).counters()[event] ?? 0);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Waits until nothing is open any more, then compares everything that was written. */
  async booksBalance(): Promise<{ completed: number; refunded: number }> {
    const open = 'select count(*)::int as count from outbox_delivery where settled_at is null';
    await until('every delivery is final', async () => (await this.owner.query(open))[0].count === 0, {
      timeoutMs: 90_000,
    });
    const [books] = await this.owner.query(`
      select
        (select count(*)::int from purchase) as purchases,
        (select count(*)::int from outbox_message) as messages,
        (select count(*)::int from outbox_delivery d join purchase p on p.id = d.message_id) as deliveries,
        (select count(*)::int from outbox_delivery where state = 'completed') as completed,
        (select count(*)::int from outbox_delivery where state = 'compensated') as refunded,
        (select count(*)::int from shipment) as shipments,
        (select count(*)::int from ending) as endings,
        (select count(*)::int
         from outbox_delivery d
         where (state = 'completed') is distinct from (select count(*) = 1 from shipment s where s.purchase = d.message_id)
            or not exists (
              select
              from ending e
              where e.purchase = d.message_id
                and e.what = case state when 'completed' then 'completed' else 'refunded' end
            )) as contradictions,
        (select sum(pieces)::int from shelf) as pieces,
        (select sum(balance)::int from account) as money`);
    const { completed, refunded } = books as { completed: number; refunded: number };
    const all = completed + refunded;
    expect(books).toEqual({
      purchases: all,
      messages: all,
      deliveries: all,
      completed,
      refunded,
      shipments: completed,
      endings: all,
      contradictions: 0,
      pieces: this.pieces * STARTING.skus.length - completed,
      money: STARTING.balance * STARTING.accounts.length - PRICE * completed,
    });
    return { completed, refunded };
  }

  /** Closes the applications; once. */
  async close(): Promise<void> {
    for (const each of this.applications.splice(0)) await each.close();
  }

  async stop(): Promise<void> {
    await this.close();
    await this.owner.destroy();
  }
}

function inMemory(broker: MemoryBroker): TransportFactory {
  return { name: 'memory', create: (deps) => new MemoryTransport(broker, deps, PUBLISH_TIMEOUT_MS) };
}

async function application(
  url: string,
  transport: TransportFactory,
  { poolSize, handlerTimeout, shutdownTimeout, lease = '1s' }: ShopOptions,
): Promise<TestingModule> {
  const testing = await Test.createTestingModule({
    imports: [
      TypeOrmModule.forRoot({
        type: 'postgres',
        url,
        connectTimeoutMS: 30_000,
        retryAttempts: 0,
        poolSize,
        extra: clientOfThisProject(),
      }),
      OutboxModule.forRoot({
        service: 'shop',
        transport,
        backoff: { first: 20, max: 100 },
        receiptWait: { first: 200, max: 400 },
        lease,
        pollInterval: 20,
        poolSize,
        handlerTimeout,
        shutdownTimeout,
        store: postgres({ namedStatements: !testDatabasesArePooled() }),
      }),
    ],
    providers: [Shop],
  }).compile();
  testing.useLogger(false);
  return testing.init();
}
