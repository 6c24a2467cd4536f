import {
  type DynamicModule,
  type INestApplication,
  type INestApplicationContext,
  Logger,
  type Provider,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { OutboxDashboardModule } from '@tallystick/dashboard';
import {
  mariadb,
  OutboxClient,
  OutboxModule,
  type OutboxModuleOptions,
  OutboxMonitor,
  rabbitMq,
} from '@tallystick/outbox';
import type { DataSourceOptions } from 'typeorm';
import type { SideOptions } from '../business/sides';
import { engineOf } from '../engines/engine';
import { connection } from '../engines/typeorm';

type OutboxEvent = Parameters<OutboxMonitor['record']>[0];

export interface ApplicationOptions extends SideOptions {
  readonly service: string;
  readonly providers: Provider[];
  readonly controllers?: Type[];
  /** Connections of the application's own pool. */
  readonly poolSize: number;
  /** Hears what the library reports anyway, from its first event on: no statement is added to what is measured. */
  readonly onEvent: (event: OutboxEvent) => void;
  /** Whether it serves the dashboard. @default false */
  readonly dashboard?: boolean;
  /** Everything else as an application may set it; the defaults are what is measured. */
  readonly outbox?: Partial<Omit<OutboxModuleOptions, 'service' | 'transport'>>;
}

/** An application with the library in it, wired as the README says. Its tables exist already. */
export function applicationModule(options: ApplicationOptions): DynamicModule {
  class BenchModule {}
  return {
    module: BenchModule,
    imports: [
      TypeOrmModule.forRoot(connectionOf(options)),
      OutboxModule.forRoot({
        service: options.service,
        transport: rabbitMq({ url: options.amqpUrl, prefix: 'bench' }),
        ...(engineOf(options.databaseUrl) === 'mariadb' && { store: mariadb() }),
        ...options.outbox,
      }),
      ...(options.dashboard ? [OutboxDashboardModule.forRoot()] : []),
    ],
    controllers: options.controllers,
    providers: [
      ...options.providers,
      { provide: onEvent, inject: [OutboxMonitor], useFactory: (monitor) => onEvent(monitor, options.onEvent) },
    ],
  };
}

function connectionOf({ databaseUrl, poolSize }: ApplicationOptions): DataSourceOptions {
  const plain = connection(databaseUrl, poolSize);
  if (plain.type !== 'postgres') return plain;
  return { ...plain, connectTimeoutMS: 10_000, extra: { ...plain.extra, Client: OutboxClient } };
}

export async function startApplication(options: ApplicationOptions): Promise<INestApplicationContext> {
  return NestFactory.createApplicationContext(applicationModule(options), { logger: ['fatal', 'error', 'warn'] });
}

/** The same behind HTTP, on a free port of this machine. */
export async function serveApplication(options: ApplicationOptions): Promise<INestApplication> {
  const app = await NestFactory.create(applicationModule(options), { logger: ['fatal', 'error', 'warn'] });
  return app.listen(0, '127.0.0.1').then(() => app);
}

/** Stops it. That its connections end is no news then. */
export async function stopApplication(app: INestApplicationContext): Promise<void> {
  Logger.overrideLogger(false);
  await app.close();
}

/** A provider's work, because providers exist before the library consumes its first message. */
function onEvent(monitor: OutboxMonitor, listener: (event: OutboxEvent) => void): OutboxMonitor {
  const record = monitor.record.bind(monitor);
  monitor.record = (event) => {
    record(event);
    listener(event);
  };
  return monitor;
}
