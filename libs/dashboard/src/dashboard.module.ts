import {
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import { OutboxHealth, OutboxMonitor, OutboxOperations, outboxTables } from '@tallystick/outbox';
import type { DataSource } from 'typeorm';
import { Dashboard } from './dashboard';
import { LastHour } from './hour';
import { mount } from './http';
import { type DashboardOptions, resolveOptions, type Settings } from './options';
import { Reader } from './reader';
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
    return {
      module: OutboxDashboardModule,
      providers: [
        { provide: SETTINGS, useValue: settings },
        {
          provide: Views,
          useFactory: (operations: OutboxOperations, health: OutboxHealth, dataSource: DataSource) =>
            new Views(operations, health, new Reader(dataSource), outboxTables(settings.tables), settings),
          inject: [OutboxOperations, OutboxHealth, getDataSourceToken(options.dataSource)],
        },
        DashboardLifecycle,
      ],
    };
  }
}

@Injectable()
class DashboardLifecycle implements OnModuleInit, OnModuleDestroy {
  private readonly hour: LastHour;
  private readonly streams: Streams;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly operations: OutboxOperations,
    private readonly views: Views,
    monitor: OutboxMonitor,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {
    this.hour = new LastHour(() => monitor.counters());
    const sampler = new Sampler(() => this.views.sample());
    this.streams = new Streams(sampler, () => this.hour.hour);
  }

  /** Before Nest says 404 to everything that it does not know. A program without HTTP has nothing to mount it on. */
  onModuleInit(): void {
    const adapter = this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined;
    if (!adapter) return;
    const dashboard = new Dashboard(this.settings, this.operations, this.views, this.streams);
    mount(adapter, this.settings.path, dashboard.paths, (exchange) => dashboard.serve(exchange));
    this.hour.start();
  }

  onModuleDestroy(): void {
    this.hour.stop();
    this.streams.close();
  }
}
