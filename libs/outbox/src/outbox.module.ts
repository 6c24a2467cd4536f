import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Injectable,
  Logger,
  Module,
  type ModuleMetadata,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type Provider,
  type Type,
} from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, MetadataScanner, ModuleRef, ModulesContainer } from '@nestjs/core';
import { getDataSourceToken, getRepositoryToken } from '@nestjs/typeorm';
import type { DataSource, EntityTarget, ObjectLiteral } from 'typeorm';
import { SystemClock } from './adapters/system/system-clock';
import { SystemRandom } from './adapters/system/system-random';
import { HandlerExplorer } from './discovery/handler-explorer';
import { InvalidOptionsError } from './errors';
import { PLAIN, signedCodec } from './message/codec';
import { describeMs } from './message/duration';
import { OutboxHealth } from './operations/health';
import { LoggingMonitor } from './operations/monitor';
import { OutboxOperations } from './operations/operations';
import { OutboxPressure } from './operations/pressure';
import { type OutboxModuleOptions, type ResolvedOptions, resolveOptions } from './outbox-options';
import { OutboxRuntime } from './outbox-runtime';
import { Outbox } from './outbox/outbox';
import type { Clock, Random } from './ports/clock';
import type { Store } from './ports/store-factory';
import type { Transport } from './ports/transport';
import { ambientRepository, type EntityManager, Transactions } from './transactions';

const GIVEN = Symbol('OutboxModuleOptions');
const OPTIONS = Symbol('ResolvedOptions');
const TRANSPORT = Symbol('Transport');
const STORE = Symbol('Store');
const CLOCK = Symbol('Clock');
const RANDOM = Symbol('Random');

/** Which DataSource holds the tables. Cannot be computed: providers are named after it. */
export interface OutboxModuleExtras {
  /** The name given to `TypeOrmModule.forRoot({ name })`. Default: the unnamed one. */
  dataSource?: string;
}

/** For options that need other providers, such as a configuration service. Exactly one of the three ways. */
export interface OutboxModuleAsyncOptions extends OutboxModuleExtras, Pick<ModuleMetadata, 'imports'> {
  useFactory?: (...args: never[]) => OutboxModuleOptions | Promise<OutboxModuleOptions>;
  inject?: FactoryProvider['inject'];
  /** A class that makes the options, with dependencies of its own from `imports`. */
  useClass?: Type<OutboxOptionsFactory>;
  /** The same, but a provider that `imports` exports already. */
  useExisting?: Type<OutboxOptionsFactory>;
}

/** What the classes of `useClass` and `useExisting` are. */
export interface OutboxOptionsFactory {
  createOutboxOptions(): OutboxModuleOptions | Promise<OutboxModuleOptions>;
}

/**
 * The transactional outbox of an application: import it once, in the root module, beside `TypeOrmModule.forRoot()`.
 *
 * At boot it finds the handlers, checks tables, options and broker, and only then consumes and relays. At shutdown it
 * stops consuming before anything else stops, and relays until nobody can record any more.
 */
@Module({})
export class OutboxModule {
  /** @throws InvalidOptionsError at boot, with everything that is wrong */
  static forRoot(options: OutboxModuleOptions & OutboxModuleExtras): DynamicModule {
    const { dataSource, ...given } = options;
    return describe(dataSource, [{ provide: GIVEN, useValue: given }]);
  }

  /** @throws InvalidOptionsError unless it has one of `useFactory`, `useClass` and `useExisting` */
  static forRootAsync({ dataSource, imports, ...options }: OutboxModuleAsyncOptions): DynamicModule {
    return describe(dataSource, givenBy(options), imports);
  }

  /**
   * Provides TypeORM repositories (`@InjectRepository(Account)`) that follow the ambient transaction: inside
   * `@Transactional()` they write in it. Use it instead of `TypeOrmModule.forFeature`.
   */
  static forFeature(entities: readonly EntityTarget<ObjectLiteral>[], dataSource?: string): DynamicModule {
    const providers = entities.map((entity): Provider => ({
      provide: getRepositoryToken(entity as Parameters<typeof getRepositoryToken>[0], dataSource),
      useFactory: (transactions: Transactions) => ambientRepository(transactions, entity),
      inject: [Transactions],
    }));
    return { module: OutboxModule, providers, exports: providers };
  }
}

function givenBy({ useFactory, inject = [], useClass, useExisting }: OutboxModuleAsyncOptions): Provider[] {
  if ([useFactory, useClass, useExisting].filter((way) => way !== undefined).length !== 1)
    throw new InvalidOptionsError(['forRootAsync takes one of useFactory, useClass and useExisting']);
  if (useFactory) return [{ provide: GIVEN, useFactory: useFactory as FactoryProvider['useFactory'], inject }];
  const given: Provider = {
    provide: GIVEN,
    useFactory: (factory: OutboxOptionsFactory) => factory.createOutboxOptions(),
    inject: [(useExisting ?? useClass)!],
  };
  return useClass ? [useClass, given] : [given];
}

function describe(
  dataSource: string | undefined,
  given: Provider[],
  imports: ModuleMetadata['imports'] = [],
): DynamicModule {
  return {
    module: OutboxCoreModule,
    global: true,
    imports: [DiscoveryModule, ...imports, OutboxLifecycleModule],
    providers: [
      ...given,
      { provide: 'tallystick.datasource', useExisting: getDataSourceToken(dataSource) },
      ...PROVIDERS,
    ],
    exports: [
      Outbox,
      OutboxOperations,
      OutboxHealth,
      OutboxPressure,
      Transactions,
      LoggingMonitor,
      OutboxRuntime,
      HandlerExplorer,
      OPTIONS,
      TRANSPORT,
      STORE,
    ],
  };
}

const PROVIDERS: Provider[] = [
  { provide: OPTIONS, useFactory: resolveOptions, inject: [GIVEN] },
  { provide: CLOCK, useClass: SystemClock },
  { provide: RANDOM, useClass: SystemRandom },
  {
    provide: LoggingMonitor,
    useFactory: ({ onAlarm, onError }: ResolvedOptions) => new LoggingMonitor(onAlarm, onError),
    inject: [OPTIONS],
  },
  {
    provide: Transactions,
    useFactory: (dataSource: DataSource, { strictWrites, transactionHost }: ResolvedOptions) =>
      new Transactions(dataSource, { strictWrites, transactionHost }),
    inject: ['tallystick.datasource', OPTIONS],
  },
  {
    provide: STORE,
    useFactory: (source: DataSource, { store, tables, poolSize }: ResolvedOptions) =>
      store.create({ source, tables, poolSize }),
    inject: ['tallystick.datasource', OPTIONS],
  },
  {
    provide: HandlerExplorer,
    useFactory: (discovery: DiscoveryService, scanner: MetadataScanner, options: ResolvedOptions) =>
      new HandlerExplorer(discovery, scanner, options),
    inject: [DiscoveryService, MetadataScanner, OPTIONS],
  },
  {
    provide: TRANSPORT,
    useFactory: (
      options: ResolvedOptions,
      clock: Clock,
      random: Random,
      monitor: LoggingMonitor,
      modules: ModuleRef,
    ) => {
      const codec = options.signing ? signedCodec(options.signing) : PLAIN;
      const transport = options.transport.create({
        codec,
        service: options.service,
        clock,
        random,
        monitor,
        maxPayloadBytes: options.maxPayloadBytes,
        resolve: resolveFrom(modules),
      });
      if (transport.publishTimeoutMs >= options.leaseMs / 2) {
        throw new InvalidOptionsError([
          `lease (${describeMs(options.leaseMs)}) must be more than twice the transport's publish time-out (${describeMs(transport.publishTimeoutMs)}): a row would be claimed again while it is being published`,
        ]);
      }
      return transport;
    },
    inject: [OPTIONS, CLOCK, RANDOM, LoggingMonitor, ModuleRef],
  },
  {
    provide: OutboxRuntime,
    useFactory: (
      options: ResolvedOptions,
      store: Store<EntityManager>,
      transactions: Transactions,
      transport: Transport,
      handlers: HandlerExplorer,
      clock: Clock,
      random: Random,
      monitor: LoggingMonitor,
    ) => {
      const runtime = new OutboxRuntime({ options, store, transactions, transport, handlers, clock, random, monitor });
      if (runtime.metrics) monitor.watch(runtime.metrics.record);
      return runtime;
    },
    inject: [OPTIONS, STORE, Transactions, TRANSPORT, HandlerExplorer, CLOCK, RANDOM, LoggingMonitor],
  },
  { provide: Outbox, useFactory: ({ outbox }: OutboxRuntime) => outbox, inject: [OutboxRuntime] },
  { provide: OutboxOperations, useFactory: ({ operations }: OutboxRuntime) => operations, inject: [OutboxRuntime] },
  { provide: OutboxHealth, useFactory: ({ health }: OutboxRuntime) => health, inject: [OutboxRuntime] },
  { provide: OutboxPressure, useFactory: ({ pressure }: OutboxRuntime) => pressure, inject: [OutboxRuntime] },
];

function resolveFrom(modules: ModuleRef): <T>(token: unknown) => T | undefined {
  return <T>(token: unknown) => {
    try {
      return modules.get<T>(token as never, { strict: false });
    } catch {
      return undefined;
    }
  };
}

/**
 * Starts and stops the runtime. A module of its own, and not global: Nest boots global modules first and destroys them
 * last, which is the wrong way round for something that consumes messages.
 */
@Injectable()
class OutboxLifecycle implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  private readonly logger = new Logger('Outbox');
  private started = false;
  /** Of a second `app.close()`, and of one after a boot that failed. */
  private draining: Promise<void> | undefined;
  private ending: Promise<void> | undefined;

  constructor(
    private readonly runtime: OutboxRuntime,
    private readonly explorer: HandlerExplorer,
    @Inject(STORE) private readonly store: Store<EntityManager>,
    modules: ModulesContainer,
  ) {
    if ([...modules.values()].filter(({ metatype }) => metatype === OutboxCoreModule).length > 1) {
      throw new InvalidOptionsError([
        'OutboxModule.forRoot() is imported twice: an application has one outbox, in its root module',
      ]);
    }
    // Nest orders hooks by distance from the root. Below zero: bootstraps after, and is destroyed before, every feature.
    for (const module of modules.values()) if (module.metatype === OutboxLifecycleModule) module.distance = -1;
  }

  async onApplicationBootstrap(): Promise<void> {
    try {
      await this.boot();
    } catch (error) {
      // Nest runs no shutdown hooks after a failed boot: without this, open connections would keep the process alive.
      await this.onApplicationShutdown();
      throw error;
    }
  }

  /** HTTP is still served: handlers end, requests go on recording, the relay goes on relaying. */
  async onModuleDestroy(): Promise<void> {
    await (this.draining ??= this.started ? this.runtime.stopConsuming() : Promise.resolve());
  }

  async onApplicationShutdown(): Promise<void> {
    await (this.ending ??= this.end());
  }

  private async end(): Promise<void> {
    if (this.started) await this.runtime.stop();
    await this.store.end();
  }

  private async boot(): Promise<void> {
    this.explorer.explore();
    await this.store.checkSchema();
    for (const warning of await this.store.checkDurability()) this.logger.warn(warning);
    this.started = true;
    await this.runtime.start();
    this.sayWhatIsServed();
  }

  /** A handler that is missing here is one that Nest does not know: its class is no provider. */
  private sayWhatIsServed(): void {
    const handlers = this.explorer.handlers().map(({ type, where }) => `${type} (${where})`);
    const followUps = this.explorer.followUps().map(({ type, verdict, where }) => `${type} ${verdict} (${where})`);
    const sent = this.explorer
      .sent()
      .map(({ type, consumers }) => `${type} to ${consumers.join(' and ') || 'whoever listens'}`);
    const lists = { Handlers: handlers, 'Follow-ups': followUps, Sends: sent };
    const said = Object.entries(lists).map(([name, list]) => `${name}: ${list.join(', ') || 'none'}.`);
    this.logger.log(said.join(' '));
  }
}

@Module({ providers: [OutboxLifecycle] })
class OutboxLifecycleModule {}

/** Named apart from OutboxModule, so that `forFeature` does not bring the core along. */
@Module({})
class OutboxCoreModule {}
