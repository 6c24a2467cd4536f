import {
  type DynamicModule,
  Inject,
  Injectable,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, MetadataScanner } from '@nestjs/core';
import { Outbox, Transactions } from '@tallystick/outbox';
import { Broker } from './broker';
import { CheckBack, type Checker, type Log } from './checks';
import { findCheckers } from './explore';
import { HalfMessages } from './half-messages';
import { type HalfMessageOptions, resolveOptions, type Settings } from './options';
import { OutboxStage } from './stage';
import { Topology } from './topology';

const SETTINGS = Symbol('HalfMessageSettings');
const CHECKERS = Symbol('TransactionCheckers');

/**
 * Half messages of an application: import it beside `OutboxModule.forRoot()`, whose database keeps what becomes visible.
 *
 * At boot it finds the checkers and begins to ask. A broker that is not there does not stop the boot: `run` says so.
 */
@Module({})
export class HalfMessageModule {
  /** @throws InvalidHalfMessageOptionsError with everything that is wrong */
  static forRoot(options: HalfMessageOptions): DynamicModule {
    const settings = resolveOptions(options);
    const { pausesMs, maxChecks, maxAgeMs } = settings;
    const logger = new Logger('HalfMessages');
    const log = logOf(logger, settings);
    return {
      module: HalfMessageModule,
      global: true,
      imports: [DiscoveryModule],
      providers: [
        { provide: SETTINGS, useValue: settings },
        {
          provide: Broker,
          useFactory: () =>
            new Broker(new Topology(settings.service, pausesMs), {
              ...settings,
              onTrouble: (problem) => logger.warn(problem),
            }),
        },
        {
          provide: OutboxStage,
          useFactory: (outbox: Outbox, transactions: Transactions) => new OutboxStage(outbox, transactions),
          inject: [Outbox, Transactions],
        },
        { provide: CHECKERS, useFactory: () => new Map<string, Checker>() },
        {
          provide: CheckBack,
          useFactory: (checkers: Map<string, Checker>, broker: Broker, stage: OutboxStage) =>
            new CheckBack(checkers, broker, stage, { pauses: pausesMs.length, maxChecks, maxAgeMs }, Date.now, log),
          inject: [CHECKERS, Broker, OutboxStage],
        },
        {
          provide: HalfMessages,
          useFactory: (outbox: Outbox, transactions: Transactions, broker: Broker, stage: OutboxStage) =>
            new HalfMessages(outbox, transactions, broker, stage, Date.now, (half, error) =>
              log.failed(half, 'committed, and shown only after its first check', error),
            ),
          inject: [Outbox, Transactions, Broker, OutboxStage],
        },
        HalfMessageLifecycle,
      ],
      exports: [HalfMessages],
    };
  }
}

@Injectable()
class HalfMessageLifecycle implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    private readonly broker: Broker,
    private readonly checkBack: CheckBack,
    @Inject(CHECKERS) private readonly checkers: Map<string, Checker>,
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  onApplicationBootstrap(): void {
    for (const [type, checker] of findCheckers(this.discovery, this.scanner)) this.checkers.set(type, checker);
    this.broker.start(async (half) => void (await this.checkBack.step(half)));
  }

  /** Checks end while the outbox still records. */
  async onModuleDestroy(): Promise<void> {
    await this.broker.stop();
  }
}

function logOf(logger: Logger, { onParked }: Settings): Log {
  return {
    parked: ({ id, type, checks }, code) => {
      logger.error(`half message ${id} (${type}) was parked for a person after ${checks + 1} checks: ${code}`);
      onParked({ id, type, code });
    },
    failed: ({ id, type }, what, error) =>
      logger.warn(`half message ${id} (${type}): ${what}${error === undefined ? '' : `: ${String(error)}`}`),
  };
}
