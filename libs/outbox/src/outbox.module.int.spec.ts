import { inspect } from 'node:util';
import { clientOfThisProject } from './adapters/postgres/client/client.fixture';
import { connectTestPostgres, testDatabase, testDatabasesArePooled } from '@tallystick/services';
import { Logger, Injectable, Module, type OnModuleDestroy, Scope, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { IsInt } from 'class-validator';
import { Column, DataSource, Entity, EntityManager, PrimaryColumn, type Repository } from 'typeorm';
import { memory } from './testing/memory/memory-transport';
import {
  Compensate,
  type FollowUpContext,
  InvalidHandlerError,
  InvalidOptionsError,
  type MessageContext,
  MessageHandler,
  MessageRejected,
  OnAccepted,
  Outbox,
  OUTBOX_MIGRATIONS,
  OutboxHealth,
  OutboxMessage,
  OutboxModule,
  type OutboxModuleOptions,
  type OutboxOptionsFactory,
  OutboxOperations,
  postgres,
  recordedMessageId,
  SchemaMismatchError,
  Transactional,
  TransactionalMessage,
  TransactionRequiredError,
  Transactions,
  WriteOutsideTransactionError,
} from './index';
import { OutboxRuntime } from './outbox-runtime';

@Entity('account')
class Account {
  @PrimaryColumn('text') id!: string;
  @Column('int') balance!: number;
}

/** A service may send to itself: one application shows both halves. */
@OutboxMessage({ type: 'gift.requested', to: 'bank' })
class GiftRequested {
  @IsInt() amount!: number;
}
@OutboxMessage({ type: 'unheard.of', to: 'somebody-else' })
class ForSomebodyElse {}

@Injectable()
class Bank {
  readonly seen: unknown[] = [];
  readonly contexts: MessageContext[] = [];
  refuse = false;
  failures = 0;

  constructor(
    @InjectRepository(Account) readonly accounts: Repository<Account>,
    readonly transactions: Transactions,
    readonly dataSource: DataSource,
  ) {}

  @TransactionalMessage(GiftRequested)
  async give(amount: number): Promise<GiftRequested> {
    await this.accounts.decrement({ id: 'giver' }, 'balance', amount);
    return { amount };
  }

  @TransactionalMessage(GiftRequested, { from: (_: string, [amount]: [number]) => (amount > 0 ? { amount } : null) })
  async maybe(amount: number): Promise<string> {
    return `asked for ${amount}`;
  }

  @Transactional()
  async giveAndFail(amount: number): Promise<void> {
    await this.give(amount);
    throw new Error('changed my mind');
  }

  @Transactional()
  async stray(): Promise<void> {
    await this.dataSource.getRepository(Account).increment({ id: 'giver' }, 'balance', 1);
  }

  @MessageHandler(GiftRequested, { concurrency: 2 })
  async receive({ amount }: GiftRequested, context: MessageContext): Promise<{ thanks: number } | void> {
    this.contexts.push(context);
    if (this.failures-- > 0) throw new Error('not today');
    await context.manager.increment(Account, { id: 'taker' }, 'balance', amount);
    if (this.refuse) throw new MessageRejected('NO_GIFTS', { amount });
    return { thanks: amount };
  }

  @OnAccepted(GiftRequested)
  async thanked(_: GiftRequested, context: FollowUpContext): Promise<void> {
    this.contexts.push(context);
    this.seen.push(context.result);
  }

  @Compensate(GiftRequested)
  async takeBack({ amount }: GiftRequested, { reason }: FollowUpContext): Promise<void> {
    this.seen.push(reason);
    await this.accounts.increment({ id: 'giver' }, 'balance', amount);
  }
}

let url: string;
beforeAll(async () => {
  url = await testDatabase('module');
});
afterAll(() => connectTestPostgres().dropDatabase(url));

const typeOrm = (migrate = true) =>
  TypeOrmModule.forRoot({
    type: 'postgres',
    extra: clientOfThisProject(),
    url,
    entities: [Account],
    synchronize: true,
    migrations: migrate ? OUTBOX_MIGRATIONS : [],
    migrationsRun: true,
    connectTimeoutMS: 5_000,
    retryAttempts: 0,
  });
const options = (): OutboxModuleOptions => ({
  service: 'bank',
  transport: memory(),
  backoff: { first: 20, max: 50 },
  pollInterval: 20,
  store: postgres({ namedStatements: !testDatabasesArePooled() }),
});

async function boot(providers: Type[], imports = [OutboxModule.forRoot(options())]) {
  const testing = await Test.createTestingModule({
    imports: [typeOrm(), ...imports, OutboxModule.forFeature([Account])],
    providers,
  }).compile();
  testing.useLogger(false);
  return testing.init();
}

describe('OutboxModule', () => {
  let application: Awaited<ReturnType<typeof boot>>;
  let bank: Bank;
  let outbox: Outbox;
  const balances = async (): Promise<Record<string, number>> =>
    Object.fromEntries((await bank.dataSource.getRepository(Account).find()).map(({ id, balance }) => [id, balance]));

  const lines: string[] = [];

  beforeAll(async () => {
    const log = jest
      .spyOn(Logger.prototype, 'log')
      .mockImplementation((line: unknown) => void lines.push(String(line)));
    application = await boot([Bank]);
    log.mockRestore();
    bank = application.get(Bank);
    outbox = application.get(Outbox);
  });
  afterAll(() => application.close());
  beforeEach(async () => {
    Object.assign(bank, { refuse: false, failures: 0 });
    bank.seen.length = 0;
    bank.contexts.length = 0;
    await bank.dataSource.query('truncate account');
    await bank.dataSource.getRepository(Account).save([
      { id: 'giver', balance: 100 },
      { id: 'taker', balance: 0 },
    ]);
  });

  it('says at boot what it handles, follows up and sends, and to whom', () => {
    expect(lines.filter((line) => line.startsWith('Handlers:'))).toEqual([
      'Handlers: gift.requested (Bank.receive). ' +
        'Follow-ups: gift.requested accepted (Bank.thanked), gift.requested rejected (Bank.takeBack). ' +
        'Sends: gift.requested to bank.',
    ]);
  });

  it('carries a message from a decorated method to its handler and back to its follow-up', async () => {
    const message = await bank.give(30);
    const status = await outbox.waitForVerdict(recordedMessageId(message)!);
    expect(status.deliveries).toMatchObject([{ consumer: 'bank', state: 'completed', result: { thanks: 30 } }]);
    expect([await balances(), bank.seen]).toEqual([{ giver: 70, taker: 30 }, [{ thanks: 30 }]]);
  });

  it('hands handlers and follow-ups a transaction that no log shows', async () => {
    const message = await bank.give(30);
    await outbox.waitForVerdict(recordedMessageId(message)!);
    expect(bank.contexts.map(({ manager }) => manager)).toEqual([expect.any(EntityManager), expect.any(EntityManager)]);
    for (const context of bank.contexts) {
      expect(JSON.parse(JSON.stringify(context))).toMatchObject({ messageId: context.messageId, attempt: 1 });
      for (const shown of [JSON.stringify(context), inspect(context), inspect({ ...context })])
        expect(shown).not.toMatch(/manager|DataSource/);
    }
  });

  it('undoes a rejected one, on both sides', async () => {
    bank.refuse = true;
    const message = await bank.give(30);
    await outbox.waitForVerdict(recordedMessageId(message)!);
    expect(await balances()).toEqual({ giver: 100, taker: 0 });
    expect(bank.seen).toEqual([{ code: 'NO_GIFTS', message: 'Rejected: NO_GIFTS', details: { amount: 30 } }]);
  });

  it('tries again what failed for technical reasons', async () => {
    bank.failures = 3;
    const message = await bank.give(30);
    const status = await outbox.waitForVerdict(recordedMessageId(message)!);
    expect(status.deliveries).toMatchObject([{ state: 'completed', attempts: 4 }]);
  });

  it('records nothing when the transaction around it rolls back', async () => {
    const before = await bank.dataSource.query('select count(*) from outbox_message');
    await expect(bank.giveAndFail(30)).rejects.toThrow('changed my mind');
    expect(await bank.dataSource.query('select count(*) from outbox_message')).toEqual(before);
    expect(await balances()).toEqual({ giver: 100, taker: 0 });
  });

  it('hands off nothing that a savepoint took back, and what stayed all the same', async () => {
    let lost = '';
    const kept = await bank.transactions.run(async () => {
      await bank.transactions
        .run(
          async () => {
            lost = (await outbox.add(GiftRequested, { amount: 1 })).id;
            throw new Error('only this part');
          },
          { propagation: 'savepoint' },
        )
        .catch(() => undefined);
      return outbox.add(GiftRequested, { amount: 2 });
    });
    await outbox.waitForVerdict(kept.id);
    expect(await outbox.status(lost)).toBeUndefined();
    expect(await balances()).toMatchObject({ taker: 2 });
  });

  it('records what `from` picks, or nothing', async () => {
    const count = async (): Promise<number> =>
      Number((await bank.dataSource.query('select count(*) from outbox_message'))[0].count);
    const before = await count();
    expect([await bank.maybe(0), await count()]).toEqual(['asked for 0', before]);
    expect([await bank.maybe(5), await count()]).toEqual(['asked for 5', before + 1]);
  });

  it('catches the classic mistakes: add without a transaction, a write beside it', async () => {
    await expect(outbox.add(GiftRequested, { amount: 1 })).rejects.toThrow(TransactionRequiredError);
    await expect(bank.stray()).rejects.toThrow(WriteOutsideTransactionError);
    expect(await balances()).toMatchObject({ giver: 100 });
  });

  it('names the DataSource of a manager that is not of its own', async () => {
    const reports = await new DataSource({ name: 'reports', type: 'postgres', url } as never).initialize();
    const database = new URL(url).pathname.slice(1);
    const refusal = `The manager belongs to the DataSource 'reports' (database ${database}), but the outbox records in the DataSource 'default' (database ${database}).`;
    try {
      await reports.transaction(async (manager) => {
        await expect(outbox.add(GiftRequested, { amount: 1 }, { manager })).rejects.toThrow(refusal);
        expect(() => bank.transactions.afterCommit(() => {}, manager)).toThrow(refusal);
      });
    } finally {
      await reports.destroy();
    }
  });

  it('offers health and operations', async () => {
    expect(await application.get(OutboxHealth).check()).toMatchObject({
      status: 'up',
      transport: { name: 'memory', ready: true },
    });
    expect((await application.get(OutboxOperations).stats()).open).toMatchObject({ parked: 0 });
    await expect(application.get(OutboxOperations).retry('018f0000-0000-7000-8000-000000000001')).rejects.toThrow(
      'No delivery',
    );
  });
});

describe('forRootAsync', () => {
  @Injectable()
  class Settings implements OutboxOptionsFactory {
    createOutboxOptions(): OutboxModuleOptions {
      return { ...options(), service: 'from-a-class' };
    }
  }
  @Module({ providers: [Settings], exports: [Settings] })
  class SettingsModule {}

  it.each([
    ['useClass', { useClass: Settings }],
    ['useExisting', { imports: [SettingsModule], useExisting: Settings }],
    [
      'useFactory',
      {
        useFactory: (settings: Settings) => settings.createOutboxOptions(),
        imports: [SettingsModule],
        inject: [Settings],
      },
    ],
  ])('takes its options from %s', async (_, from) => {
    const application = await boot([], [OutboxModule.forRootAsync(from)]);
    const { id } = await application.get(Transactions).run(() => application.get(Outbox).add(ForSomebodyElse, {}));
    const [row] = await application
      .get(DataSource)
      .query('select row_to_json(m) as message from outbox_message m where id = $1', [id]);
    await application.close();
    expect(JSON.stringify(row)).toContain('from-a-class');
  });

  it('takes one of them', () => {
    expect(() => OutboxModule.forRootAsync({})).toThrow('one of useFactory, useClass and useExisting');
    expect(() => OutboxModule.forRootAsync({ useClass: Settings, useExisting: Settings })).toThrow(InvalidOptionsError);
  });
});

describe('a boot that cannot work is refused', () => {
  @Injectable()
  class Twin {
    @MessageHandler(GiftRequested) async also(): Promise<void> {}
  }
  @Injectable({ scope: Scope.REQUEST })
  class PerRequest {
    @MessageHandler(GiftRequested) async receive(): Promise<void> {}
  }
  @Injectable()
  class Misaddressed {
    @MessageHandler(ForSomebodyElse) async receive(): Promise<void> {}
    @OnAccepted(Account as never) async never(): Promise<void> {}
  }
  @Injectable()
  class TooTogether {
    @MessageHandler(GiftRequested, { concurrency: 4, groupCommit: 8 }) async receive(): Promise<void> {}
  }
  @Injectable()
  class OneOfMany {
    @MessageHandler(GiftRequested, { batch: 8 } as never) async receive(_: GiftRequested): Promise<void> {}
  }
  @OutboxMessage({ type: 'late.requested', to: 'somebody-else', deadline: '7d' })
  class LateRequested {}
  @Injectable()
  class TooPatient {
    @TransactionalMessage(LateRequested) async ask(): Promise<LateRequested> {
      return {};
    }
    @Compensate(LateRequested) async undo(): Promise<void> {}
  }
  @Injectable()
  class RecordsNoMessage {
    @TransactionalMessage(Account) async open(): Promise<Account | null> {
      return null;
    }
  }
  const problemsOf = (providers: Type[]): Promise<readonly string[]> =>
    boot(providers).then(
      async (application) => {
        await application.close();
        return [];
      },
      (error: InvalidHandlerError) => error.problems,
    );

  it.each([
    [
      'two handlers for one type',
      [Bank, Twin],
      [/Twin\.also: 'gift\.requested' already has a @MessageHandler\(GiftRequested\) in Bank\.receive/],
    ],
    [
      'groups that are larger than what is in hand',
      [TooTogether],
      [/TooTogether\.receive: groupCommit 8 is no whole number from 1 to its concurrency \(4\)/],
    ],
    [
      'a handler that takes one message, but is to be given arrays',
      [OneOfMany],
      [/OneOfMany\.receive: it takes one message, and with `batch: 8` would be given an array\. Take an array/],
    ],
    ['a request-scoped handler', [PerRequest], [/PerRequest\.receive: its class is request-scoped/]],
    [
      'a handler for somebody else, and one for no contract, both named',
      [Misaddressed],
      [/not to 'bank'/, /Account is no message contract/],
    ],
    [
      'a deadline that outlasts half the horizon, named once, with both options',
      [TooPatient],
      [
        /^the deadline of 'late\.requested' \(7d\) must be shorter than half the horizon \(14d\): .*`deadline`.*`horizon`/,
      ],
    ],
    [
      'a method that records what is no message',
      [RecordsNoMessage],
      [/RecordsNoMessage\.open: Account is no message contract/],
    ],
  ])('%s', async (_, providers, expected) => {
    const problems = await problemsOf(providers);
    expect(problems).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
  });

  it('options that cannot work, and a second forRoot', async () => {
    await expect(boot([], [OutboxModule.forRoot({ ...options(), lease: '2s' })])).rejects.toThrow(
      /lease \(2s\) must be more than twice the transport's publish time-out \(5s\)/,
    );
    await expect(
      boot([], [OutboxModule.forRoot(options()), OutboxModule.forRoot({ ...options(), window: 64 })]),
    ).rejects.toThrow(InvalidOptionsError);
  });

  it('a database without the tables: it says how to make them', async () => {
    const empty = await testDatabase('module_empty');
    const attempt = Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url: empty, connectTimeoutMS: 5_000, retryAttempts: 0 }),
        OutboxModule.forRoot(options()),
      ],
    }).compile();
    const testing = await attempt;
    testing.useLogger(false);
    await expect(testing.init()).rejects.toThrow(SchemaMismatchError);
    await testing.close().catch(() => undefined);
    await connectTestPostgres().dropDatabase(empty);
  });
});

describe('boot and shutdown', () => {
  it.each([
    ['one after another', async (close: () => Promise<void>) => (await close(), close())],
    ['at once', (close: () => Promise<void>) => Promise.all([close(), close()])],
  ])('may be asked to close twice, %s: it ends once', async (_, twice) => {
    const application = await Test.createTestingModule({
      imports: [typeOrm(), OutboxModule.forRoot(options())],
    }).compile();
    application.useLogger(false);
    await application.init();
    const stop = jest.spyOn(application.get(OutboxRuntime), 'stop');
    await twice(() => application.close());
    expect(stop).toHaveBeenCalledTimes(1);
  });

  it('consumes only after every feature is up, and stops before any goes down', async () => {
    const order: string[] = [];
    const transport = memory();
    const watched = {
      name: 'watched',
      create: (deps: Parameters<typeof transport.create>[0]) => {
        const made = transport.create(deps);
        const { start, stopConsuming, close } = made;
        return Object.assign(made, {
          start: (...args: Parameters<typeof start>) => (order.push('consuming'), start.apply(made, args)),
          stopConsuming: (...args: Parameters<typeof stopConsuming>) => (
            order.push('not consuming'),
            stopConsuming.apply(made, args)
          ),
          close: () => (order.push('closed'), close.apply(made)),
        });
      },
    };
    @Injectable()
    class Feature implements OnModuleDestroy {
      async onApplicationBootstrap(): Promise<void> {
        order.push('feature up');
      }
      onModuleDestroy(): void {
        order.push('feature down');
      }
    }
    @Module({ providers: [Feature] })
    class FeatureModule {}
    // The order of imports must not matter.
    const application = await Test.createTestingModule({
      imports: [
        OutboxModule.forRootAsync({ useFactory: () => ({ ...options(), transport: watched }) }),
        FeatureModule,
        typeOrm(),
      ],
    }).compile();
    application.useLogger(false);
    await application.init();
    await application.close();
    expect(order).toEqual(['feature up', 'consuming', 'not consuming', 'feature down', 'closed']);
  });
});
