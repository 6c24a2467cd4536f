import { connectTestPostgres, testDatabase } from '@tallystick/services';
import { forwardRef, Inject, Injectable, type Provider } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { memory } from './testing/memory/memory-transport';
import {
  Compensate,
  HandlersUnknownError,
  Outbox,
  OUTBOX_MIGRATIONS,
  OutboxMessage,
  OutboxModule,
  Transactions,
} from './index';

@OutboxMessage({ type: 'order.requested', to: 'stock' })
class OrderRequested {}

@Injectable()
class Purchases {
  constructor(
    readonly transactions: Transactions,
    readonly outbox: Outbox,
  ) {}

  buy(): Promise<{ id: string }> {
    return this.transactions.run(() => this.outbox.add(OrderRequested, {}));
  }
}

@Injectable()
class Refunds {
  @Compensate(OrderRequested)
  async refund(): Promise<void> {}
}

/** Its class is seen only when its factory has made it. */
const MADE_LATE: Provider = {
  provide: 'refunds',
  useFactory: async () => new Refunds(),
  inject: [Outbox],
};

@Injectable()
class Hen {
  constructor(@Inject(forwardRef(() => Egg)) readonly egg: object) {}
  @Compensate(OrderRequested)
  async refund(): Promise<void> {}
}
@Injectable()
class Egg {
  constructor(@Inject(forwardRef(() => Hen)) readonly hen: object) {}
}

describe('a follow-up', () => {
  let url: string;
  let database: DataSource;
  beforeAll(async () => {
    url = await testDatabase('follow_ups');
    database = await new DataSource({ type: 'postgres', url, migrations: [...OUTBOX_MIGRATIONS] }).initialize();
    await database.runMigrations();
  });
  afterAll(async () => {
    await database.destroy();
    await connectTestPostgres().dropDatabase(url);
  });
  beforeEach(() => database.query('truncate outbox_message, outbox_delivery, outbox_follow_up'));

  const compile = async (...providers: Provider[]): Promise<TestingModule> => {
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url, connectTimeoutMS: 5_000, retryAttempts: 0 }),
        OutboxModule.forRoot({ service: 'shop', transport: memory(), relay: false }),
      ],
      providers,
    }).compile();
    testing.useLogger(false);
    return testing;
  };

  const EARLY = {
    'in onModuleInit': { hook: 'onModuleInit', init: true },
    'in onApplicationBootstrap': { hook: 'onApplicationBootstrap', init: true },
    'in an application that is compiled and never initialised': { hook: undefined, init: false },
    'after the boot': { hook: undefined, init: true },
  } as const;
  const OWNERS: Record<string, [provider: Provider[], where: string]> = {
    'a class': [[Refunds], 'Refunds.refund'],
    'a factory': [[MADE_LATE], 'Refunds.refund'],
    'a value': [[{ provide: 'refunds', useValue: new Refunds() }], 'Refunds.refund'],
    'a circular class': [[Hen, Egg], 'Hen.refund'],
  };

  it.each(
    Object.entries(EARLY).flatMap(([when, how]) =>
      Object.entries(OWNERS).map(([of, owner]) => ({ when, how, of, owner })),
    ),
  )('is registered before the first message, wherever that is recorded: $when, of $of', async ({ how, owner }) => {
    const [providers, where] = owner;
    const added: { id: string }[] = [];
    @Injectable()
    class Early {
      constructor(private readonly purchases: Purchases) {}
      async onModuleInit(): Promise<void> {
        if (how.hook === 'onModuleInit') added.push(await this.purchases.buy());
      }
      async onApplicationBootstrap(): Promise<void> {
        if (how.hook === 'onApplicationBootstrap') added.push(await this.purchases.buy());
      }
    }
    const testing = await compile(Purchases, Early, ...providers);
    try {
      if (how.init) await testing.init();
      if (!how.hook) added.push(await testing.get(Purchases).buy());
      expect(await database.query('select source, type, verdict, handler from outbox_follow_up')).toEqual([
        { source: 'shop', type: 'order.requested', verdict: 'rejected', handler: where },
      ]);
      const status = await testing.get(Outbox).status(added[0]!.id);
      expect(status?.deliveries).toMatchObject([{ followUp: 'rejected' }]);
    } finally {
      await testing.close();
    }
  });

  it('cannot be known while Nest is creating providers: then nothing is recorded, and the boot goes on', async () => {
    const refusals: unknown[] = [];
    const testing = await compile(Purchases, {
      provide: 'recorded in a factory',
      inject: [Purchases],
      useFactory: (purchases: Purchases) => purchases.buy().catch((error: unknown) => refusals.push(error)),
    });
    try {
      expect(refusals).toEqual([expect.any(HandlersUnknownError)]);
      expect(await database.query('select from outbox_message')).toEqual([]);
      await testing.init();
      await testing.get(Purchases).buy();
      expect(await database.query('select from outbox_message')).toHaveLength(1);
    } finally {
      await testing.close();
    }
  });
});
