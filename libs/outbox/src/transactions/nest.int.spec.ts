import { clientOfThisProject } from '../adapters/postgres/client/client.fixture';
import { AsyncLocalStorage } from 'node:async_hooks';
import { connectTestPostgres, testDatabase } from '@tallystick/services';
import { Controller, Get, HttpCode, Inject, Injectable, Param, UseGuards } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Column,
  DataSource,
  Entity,
  EntityManager,
  PrimaryColumn,
  Repository,
  Tree,
  TreeChildren,
  TreeParent,
  TreeRepository,
} from 'typeorm';
import { TransactionEndedError, TransactionRequiredError, WriteOutsideTransactionError } from '../errors';
import { ambientRepository } from './ambient-repository';
import type { TransactionHost } from './transaction-host';
import { Transactional } from './transactional.decorator';
import { Transactions } from './transactions';

@Entity('account')
class Account {
  @PrimaryColumn('text') id!: string;
  @Column('int', { default: 0 }) balance!: number;
}

@Entity('folder')
@Tree('materialized-path')
class Folder {
  @PrimaryColumn('text') id!: string;
  @TreeParent() parent?: Folder | null;
  @TreeChildren() children?: Folder[];
}

let url: string;
let dataSource: DataSource;
const refused = new Error('refused by the business');
const saved = async (): Promise<string[]> =>
  (await dataSource.manager.find(Account, { order: { id: 'ASC' } })).map(({ id }) => id);

beforeAll(async () => {
  url = await testDatabase('nest_transactions');
  dataSource = await new DataSource({
    type: 'postgres',
    extra: clientOfThisProject(),
    url,
    entities: [Account, Folder],
    synchronize: true,
    connectTimeoutMS: 5000,
    poolSize: 5,
  }).initialize();
});
afterAll(async () => {
  await dataSource.destroy();
  await connectTestPostgres().dropDatabase(url);
});
beforeEach(() => dataSource.query('truncate account, folder'));

/** What `OutboxModule` does, as far as transactions are concerned. */
const transactionsProvider = {
  provide: Transactions,
  useFactory: () => new Transactions(dataSource, { strictWrites: 'throw' }),
};

@Injectable()
class Ledger {
  constructor(@Inject(Transactions) readonly transactions: Transactions) {}

  @Transactional()
  async open(id: string): Promise<EntityManager> {
    await this.transactions.repository(Account).insert({ id });
    return this.transactions.current()!;
  }

  @Transactional({ isolation: 'SERIALIZABLE' })
  async openBoth(first: string, second: string): Promise<string> {
    await this.open(first);
    await this.open(second);
    const [{ level }] = await this.transactions
      .manager()
      .query("select current_setting('transaction_isolation') level");
    return level;
  }

  @Transactional()
  async openAndFail(id: string): Promise<never> {
    await this.open(id);
    throw refused;
  }
}

@Injectable()
class AuditedLedger extends Ledger {
  @Transactional()
  override async open(id: string): Promise<EntityManager> {
    await super.open(`${id} (audited)`);
    return super.open(id);
  }
}

class Nobody {
  canActivate(): boolean {
    return false;
  }
}

@Controller('accounts')
class LedgerController {
  constructor(@Inject(Ledger) private readonly ledger: Ledger) {}

  @Get(':id/open')
  @Transactional()
  @HttpCode(202)
  async open(@Param('id') id: string): Promise<{ joined: boolean }> {
    const manager = await this.ledger.open(id);
    return { joined: manager === this.ledger.transactions.current() };
  }

  @Transactional()
  @UseGuards(Nobody)
  @Get('forbidden')
  async forbidden(): Promise<void> {}
}

describe('@Transactional()', () => {
  async function boot() {
    const module = await Test.createTestingModule({
      controllers: [LedgerController],
      providers: [transactionsProvider, Ledger, AuditedLedger],
    }).compile();
    return module.createNestApplication({ logger: false }).init();
  }
  let app: Awaited<ReturnType<typeof boot>>;
  beforeAll(async () => {
    app = await boot();
  });
  afterAll(() => app.close());

  it('opens one transaction, with the options given, and joins it in the calls inside', async () => {
    await expect(app.get(Ledger).openBoth('a', 'b')).resolves.toBe('serializable');
    expect(await saved()).toEqual(['a', 'b']);
  });

  it('rolls everything back with the outermost method, and passes its error on', async () => {
    await expect(app.get(Ledger).openAndFail('a')).rejects.toBe(refused);
    expect(await saved()).toEqual([]);
  });

  it('works in subclasses: overridden and inherited methods alike', async () => {
    await app.get(AuditedLedger).openBoth('a', 'b');
    expect(await saved()).toEqual(['a', 'a (audited)', 'b', 'b (audited)']);
  });

  it('works on controllers and keeps what other decorators say about the route', async () => {
    await app.listen(0, '127.0.0.1');
    const accounts = `${await app.getUrl()}/accounts`;
    const response = await fetch(`${accounts}/a/open`);
    expect([response.status, await response.json()]).toEqual([202, { joined: true }]);
    expect((await fetch(`${accounts}/forbidden`)).status).toBe(403);
    expect(await saved()).toEqual(['a']);
  });

  it('keeps two applications in one process apart', async () => {
    const other = await boot();
    const mine = app.get(Transactions);
    const theirs = other.get(Transactions);
    await app.get(Ledger).transactions.run(async (manager) => {
      expect(mine.current()).toBe(manager);
      expect(theirs.current()).toBeUndefined();
    });
    await other.close();
  });

  it('tells who forgot to import the module what to do', async () => {
    const forgotten = Test.createTestingModule({ providers: [{ provide: 'ledger', useClass: Forgetful }] }).compile();
    await expect(forgotten).rejects.toThrow(/import OutboxModule\.forRoot/);
  });

  @Injectable()
  class Forgetful {
    @Transactional()
    async work(): Promise<void> {}
  }

  it('can be spied on, and runs with a mocked Transactions', async () => {
    const module = await Test.createTestingModule({ providers: [Forgetful] })
      .useMocker(() => ({ run: jest.fn((work: () => unknown) => work()) }))
      .compile();
    const forgetful = module.get(Forgetful);
    const spy = jest.spyOn(forgetful, 'work');
    await forgetful.work();
    expect(spy).toHaveBeenCalledTimes(1);
  });
});

describe('ambientRepository', () => {
  let transactions: Transactions;
  let accounts: Repository<Account>;
  beforeAll(() => {
    transactions = new Transactions(dataSource, { strictWrites: 'throw' });
    transactions.onModuleInit();
    accounts = ambientRepository(transactions, Account);
  });
  afterAll(() => transactions.onApplicationShutdown());

  const writes: [string, () => Promise<unknown>][] = [
    ['save', () => accounts.save({ id: 'a' })],
    ['insert', () => accounts.insert({ id: 'a' })],
    ['query', () => accounts.query(`insert into account values ('a')`)],
    ['a query builder', () => accounts.createQueryBuilder().insert().values({ id: 'a' }).execute()],
    ['a method of an extended repository', () => extended.extend({ close: () => {} }).open('a')],
  ];
  let extended: Repository<Account> & { open(id: string): Promise<unknown> };
  beforeAll(() => {
    extended = accounts.extend({
      open(this: Repository<Account>, id: string) {
        return this.insert({ id });
      },
    });
  });

  it.each(writes)('follows the transaction: %s is rolled back', async (_name, write) => {
    const work = transactions.run(async () => {
      await write();
      expect(await accounts.count()).toBe(1);
      throw refused;
    });
    await expect(work).rejects.toBe(refused);
    expect(await saved()).toEqual([]);
  });

  it.each(writes)('works without a transaction: %s commits by itself', async (_name, write) => {
    await write();
    expect(await saved()).toEqual(['a']);
  });

  it('is a repository like any other', async () => {
    expect(accounts).toBeInstanceOf(Repository);
    expect(accounts.metadata.tableName).toBe('account');
    expect(accounts.create({ id: 'a' })).toBeInstanceOf(Account);
  });

  it('keeps the methods of a tree', async () => {
    const folders = ambientRepository(transactions, Folder) as TreeRepository<Folder>;
    await transactions.run(async () => {
      const root = await folders.save({ id: 'root' });
      await folders.save({ id: 'leaf', parent: root });
      expect(await folders.findTrees()).toMatchObject([{ id: 'root', children: [{ id: 'leaf' }] }]);
    });
  });

  it('refuses to work for a call whose transaction is over', async () => {
    let goOn!: () => void;
    const ended = new Promise<void>((resolve) => (goOn = resolve));
    let forgotten!: Promise<unknown>;
    await transactions.run(async () => {
      forgotten = ended.then(() => accounts.insert({ id: 'late' }));
    });
    goOn();
    await expect(forgotten).rejects.toThrow(TransactionEndedError);
  });
});

describe('the bridge to a transaction host', () => {
  /** What the adapters of `@nestjs-cls/transactional` and `typeorm-transactional` come down to. */
  const theirScope = new AsyncLocalStorage<EntityManager | undefined>();
  const host: TransactionHost = {
    manager: () => theirScope.getStore(),
    run: (fn, { isolation, propagation }) => {
      const open = propagation === 'new' ? undefined : theirScope.getStore();
      if (open && propagation !== 'savepoint') return fn();
      const work = (manager: EntityManager) => theirScope.run(manager, fn);
      const opener = open ?? dataSource.manager;
      return isolation ? opener.transaction(isolation, work) : opener.transaction(work);
    },
  };
  let transactions: Transactions;
  const bridge = (transactionHost: TransactionHost): void => {
    transactions = new Transactions(dataSource, { strictWrites: 'throw', transactionHost });
    transactions.onModuleInit();
  };
  beforeEach(() => bridge(host));
  afterEach(() => transactions.onApplicationShutdown());

  const open = (id: string): Promise<unknown> => transactions.repository(Account).insert({ id });

  it('inside their transaction, ours joins', async () => {
    const work = host.run(async () => {
      await open('theirs');
      await transactions.run(async (manager) => {
        expect(manager).toBe(theirScope.getStore());
        expect(transactions.isOwn(manager)).toBe(false);
        await open('ours');
      });
      throw refused;
    }, {});
    await expect(work).rejects.toBe(refused);
    expect(await saved()).toEqual([]);
  });

  it('inside ours, theirs joins: there is only one transaction', async () => {
    const work = transactions.run(async (manager) => {
      await open('ours');
      await host.run(async () => {
        expect(transactions.current()).toBe(manager);
        await open('theirs');
      }, {});
      throw refused;
    });
    await expect(work).rejects.toBe(refused);
    expect(await saved()).toEqual([]);
  });

  it('follows a second transaction that is meant, whichever side opens it', async () => {
    const work = transactions.run(async (outer) => {
      const second = { propagation: 'new' } as const;
      await host.run(async () => {
        expect(transactions.current()).not.toBe(outer);
        await open('theirs');
      }, second);
      await transactions.run(() => open('ours'), second);
      expect(transactions.current()).toBe(outer);
      throw refused;
    }, {});
    await expect(work).rejects.toBe(refused);
    expect(await saved()).toEqual(['ours', 'theirs']);
  });

  it('still catches a write that goes past their transaction', async () => {
    const work = host.run(() => dataSource.transaction((other) => other.insert(Account, { id: 'stray' })), {});
    await expect(work).rejects.toThrow(WriteOutsideTransactionError);
    expect(await saved()).toEqual([]);
  });

  it('finds the transaction that run opens outside of everything', async () => {
    await transactions.outside(() => transactions.run(() => open('a')));
    expect(await saved()).toEqual(['a']);
  });

  it('ignores a transaction of theirs on another DataSource', async () => {
    const other = await new DataSource({ type: 'postgres', url, entities: [Account] }).initialize();
    await other.transaction((manager) =>
      theirScope.run(manager, async () => {
        expect(transactions.current()).toBeUndefined();
        await dataSource.query(`insert into account values ('not stray')`);
      }),
    );
    await other.destroy();
    expect(await saved()).toEqual(['not stray']);
  });

  it('hands the options on', async () => {
    const level = await transactions.run((manager) => manager.query('show transaction_isolation'), {
      isolation: 'REPEATABLE READ',
    });
    expect(level).toEqual([{ transaction_isolation: 'repeatable read' }]);
  });

  it('sees their commits and rollbacks', async () => {
    const committed = jest.fn();
    await host.run(async () => transactions.afterCommit(committed), {});
    expect(committed).toHaveBeenCalledTimes(1);
    const work = host.run(async () => {
      transactions.afterCommit(committed);
      throw refused;
    }, {});
    await expect(work).rejects.toBe(refused);
    expect(committed).toHaveBeenCalledTimes(1);
  });

  it('refuses their commit while something is still at work in it, and all is rolled back', async () => {
    let done = (): void => {};
    const committed = host.run(async () => {
      await open('theirs');
      done = transactions.underWay('what nobody awaited');
    }, {});
    await expect(committed).rejects.toThrow(/what nobody awaited had not finished.*`await` is missing/);
    done();
    expect(await saved()).toEqual([]);
  });

  it('refuses to work with a host whose two functions do not talk about the same transaction', async () => {
    await transactions.onApplicationShutdown();
    bridge({ ...host, manager: () => undefined });
    const work = transactions.run(() => open('nowhere'));
    await expect(work).rejects.toThrow(TransactionRequiredError);
    await expect(work).rejects.toThrow(/transactionHost\.manager\(\) returned no manager/);
  });
});
