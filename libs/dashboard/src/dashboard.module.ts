import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Injectable,
  Module,
  type ModuleMetadata,
  type OnModuleDestroy,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import { OutboxHealth, OutboxMonitor, OutboxOperations } from '@tallystick/outbox';
import type { DataSource } from 'typeorm';
import { Dashboard } from './dashboard';
import { LastHour } from './hour';
import { mount } from './http';
import { type DashboardOptions, resolveOptions, type Settings } from './options';
import type { Sample, Told } from './page';
import { looksAt } from './reader';
import { Sampler } from './sampler';
import { Streams } from './stream';
import { Views } from './views';

const SETTINGS = Symbol('DashboardSettings');

/**
 * A page in the browser over the outbox of an application: import it beside `OutboxModule.forRoot()`.
 *
 * It answers at `path` and below, on Express and Fastify, outside of global prefixes, guards and interceptors; who may see it is
 * for `authorize` to say. Nothing is asked of the database while nobody looks.
 */
@Module({})
export class OutboxDashboardModule {
  /** @throws InvalidOptionsError with everything that is wrong */
  static forRoot<Request = unknown>(options: DashboardOptions<Request> = {}): DynamicModule {
    const settings = resolveOptions(options);
    return describe(options.dataSource, { provide: SETTINGS, useValue: settings });
  }

  /** For options that need other providers, as whatever `authorize` asks. @throws InvalidOptionsError at boot */
  static forRootAsync({ imports, inject = [], useFactory, dataSource }: DashboardAsyncOptions): DynamicModule {
    const made = async (...given: never[]): Promise<Settings> => resolveOptions(await useFactory(...given));
    return describe(dataSource, { provide: SETTINGS, useFactory: made as () => Promise<Settings>, inject }, imports);
  }
}

export interface DashboardAsyncOptions extends Pick<ModuleMetadata, 'imports'>, Pick<DashboardOptions, 'dataSource'> {
  useFactory: (...given: never[]) => DashboardOptions<never> | Promise<DashboardOptions<never>>;
  inject?: FactoryProvider['inject'];
}

function describe(
  dataSource: string | undefined,
  settings: Provider,
  imports: ModuleMetadata['imports'] = [],
): DynamicModule {
  return {
    module: OutboxDashboardModule,
    imports,
    providers: [
      settings,
      {
        provide: Views,
        useFactory: (operations: OutboxOperations, health: OutboxHealth, database: DataSource, given: Settings) =>
          new Views(operations, health, looksAt(database, given.tables), given),
        inject: [OutboxOperations, OutboxHealth, getDataSourceToken(dataSource), SETTINGS],
      },
      DashboardLifecycle,
    ],
  };
}

@Injectable()
class DashboardLifecycle implements OnModuleInit, OnModuleDestroy {
  private readonly hour: LastHour;
  private readonly streams: Streams<Sample>;
  private dashboard: Dashboard | undefined;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly operations: OutboxOperations,
    private readonly views: Views,
    monitor: OutboxMonitor,
    health: OutboxHealth,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {
    this.hour = new LastHour(() => monitor.counters());
    const sampler = new Sampler(() => this.views.sample());
    this.streams = new Streams(sampler, (): Omit<Told, 'sample'> => ({ hour: this.hour.hour, window: health.window }));
  }

  /** Before Nest says 404 to everything that it does not know. A program without HTTP has nothing to mount it on. */
  onModuleInit(): void {
    const adapter = this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined;
    if (!adapter) return;
    const dashboard = (this.dashboard = new Dashboard(this.settings, this.operations, this.views, this.streams));
    mount(adapter, this.settings.path, dashboard.paths, (exchange) => dashboard.serve(exchange));
    this.hour.start();
  }

  async onModuleDestroy(): Promise<void> {
    this.hour.stop();
    await this.dashboard?.close();
  }
}
