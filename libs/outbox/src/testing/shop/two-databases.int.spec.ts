import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import { findMariaDb, type MariaDbDatabaseServer, testDatabase, until } from '@tallystick/services';
import { IsString, IsUUID } from 'class-validator';
import { randomUUID } from 'node:crypto';
import { Column, type DataSource, Entity, MoreThan, PrimaryColumn } from 'typeorm';
import { SystemClock } from '../../adapters/system/system-clock';
import {
  Compensate,
  mariadb,
  mariaDbMigrations,
  MessageHandler,
  MessageRejected,
  OnAccepted,
  Outbox,
  OUTBOX_MIGRATIONS,
  OutboxMessage,
  OutboxModule,
  OutboxMonitor,
  postgres,
  type StoreFactory,
  Transactions,
} from '../../index';
import { fates } from '../memory/fates';
import { MemoryBroker } from '../memory/memory-broker';
import { MemoryTransport } from '../memory/memory-transport';

const PURCHASES = 60;
const PIECES = 40;
const ACCOUNTS = ['ada', 'ben'];
const BALANCE = 1_000;

@OutboxMessage({ type: 'piece.wanted', to: 'stock-service' })
class PieceWanted {
  @IsUUID() purchase!: string;
  @IsString() account!: string;
}

@Entity('account')
class Account {
  @PrimaryColumn('varchar', { length: 40 }) id!: string;
  @Column('int') balance!: number;
}
@Entity('ending')
class Ending {
  @PrimaryColumn('varchar', { length: 40 }) purchase!: string;
  @Column('varchar', { length: 40 }) what!: string;
}
@Entity('shelf')
class Shelf {
  @PrimaryColumn('varchar', { length: 40 }) sku!: string;
  @Column('int') pieces!: number;
}
@Entity('shipment')
class Shipment {
  @PrimaryColumn('varchar', { length: 40 }) purchase!: string;
}

@Injectable()
class Purchases {
  constructor(
    private readonly transactions: Transactions,
    private readonly outbox: Outbox,
  ) {}

  async buy(purchase: string, account: string): Promise<void> {
    await this.transactions.run(async (manager) => {
      await manager.decrement(Account, { id: account }, 'balance', 1);
      await this.outbox.add(PieceWanted, { purchase, account }, { id: purchase });
    });
  }

  @OnAccepted(PieceWanted)
  async complete({ purchase }: PieceWanted): Promise<void> {
    await this.transactions.manager().insert(Ending, { purchase, what: 'completed' });
  }

  @Compensate(PieceWanted)
  async refund({ purchase, account }: PieceWanted): Promise<void> {
    await this.transactions.manager().insert(Ending, { purchase, what: 'refunded' });
    await this.transactions.manager().increment(Account, { id: account }, 'balance', 1);
  }
}

@Injectable()
class Stock {
  constructor(private readonly transactions: Transactions) {}

  @MessageHandler(PieceWanted, { concurrency: 8 })
  async take({ purchase }: PieceWanted): Promise<void> {
    const manager = this.transactions.manager();
    const { affected } = await manager.decrement(Shelf, { sku: 'stick', pieces: MoreThan(0) }, 'pieces', 1);
    if (affected === 0) throw new MessageRejected('OUT_OF_STOCK');
    await manager.insert(Shipment, { purchase });
  }
}

interface Side {
  readonly connect: TypeOrmModuleOptions;
  readonly store: StoreFactory;
}

describe('Two services, each with a database of its own kind', () => {
  let server: MariaDbDatabaseServer;
  const applications: TestingModule[] = [];

  beforeAll(async () => {
    server = await findMariaDb({ install: true });
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    for (const each of applications.splice(0)) await each.close();
  });

  const sides = {
    MariaDB: async (): Promise<Side> => ({
      connect: { type: 'mariadb', url: await server.createDatabase(), migrations: mariaDbMigrations() },
      store: mariadb(),
    }),
    PostgreSQL: async (): Promise<Side> => ({
      connect: { type: 'postgres', url: await testDatabase('two'), migrations: OUTBOX_MIGRATIONS },
      store: postgres(),
    }),
  };

  async function boot(
    service: string,
    { connect, store }: Side,
    broker: MemoryBroker,
    provider: typeof Purchases | typeof Stock,
    entities: (typeof Account | typeof Ending | typeof Shelf | typeof Shipment)[],
  ): Promise<TestingModule> {
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ ...connect, entities, synchronize: true, migrationsRun: true, retryAttempts: 0 }),
        OutboxModule.forRoot({
          service,
          store,
          transport: { name: 'memory', create: (deps) => new MemoryTransport(broker, deps, 400) },
          backoff: { first: 20, max: 100 },
          receiptWait: { first: 200, max: 400 },
          lease: '1s',
          pollInterval: 20,
        }),
      ],
      providers: [provider],
    }).compile();
    testing.useLogger(false);
    applications.push(testing);
    return testing.init();
  }

  it.each([
    ['MariaDB', 'PostgreSQL'],
    ['PostgreSQL', 'MariaDB'],
    ['MariaDB', 'MariaDB'],
  ] as const)(
    'keep one promise when every third message is lost or doubled: %s buys from %s',
    async (producing, consuming) => {
      let passages = 0;
      const broker = new MemoryBroker(new SystemClock(), () => {
        passages += 1;
        return passages % 3 ? undefined : passages % 2 ? fates.lost() : fates.duplicated(50);
      });
      const stock = await boot('stock-service', await sides[consuming](), broker, Stock, [Shelf, Shipment]);
      const user = await boot('user-service', await sides[producing](), broker, Purchases, [Account, Ending]);
      const [theirs, ours] = [stock, user].map((each) => each.get<Transactions>(Transactions).dataSource) as [
        DataSource,
        DataSource,
      ];
      await theirs.getRepository(Shelf).insert({ sku: 'stick', pieces: PIECES });
      for (const id of ACCOUNTS) await ours.getRepository(Account).insert({ id, balance: BALANCE });

      const purchases = Array.from({ length: PURCHASES }, () => randomUUID());
      await Promise.all(purchases.map((id, index) => user.get(Purchases).buy(id, ACCOUNTS[index % 2]!)));
      const endings = ours.getRepository(Ending);
      await until('every purchase has an end', async () => (await endings.count()) === PURCHASES, {
        timeoutMs: 90_000,
      });

      const completed = await endings.findBy({ what: 'completed' });
      const shipped = await theirs.getRepository(Shipment).find();
      expect(completed.map(({ purchase }) => purchase).sort()).toEqual(shipped.map(({ purchase }) => purchase).sort());
      expect([completed.length, (await theirs.getRepository(Shelf).findOneByOrFail({ sku: 'stick' })).pieces]).toEqual([
        PIECES,
        0,
      ]);
      const balances = (await ours.getRepository(Account).find()).map(({ balance }) => balance);
      expect(balances.reduce((sum, balance) => sum + balance)).toBe(ACCOUNTS.length * BALANCE - PIECES);
      const counters = user.get(OutboxMonitor).counters();
      expect(counters['receipt.contradiction'] ?? 0).toBe(0);
    },
  );
});
