import { type DynamicModule, type INestApplicationContext, Logger, type Provider, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { OutboxClient, OutboxModule, type OutboxModuleOptions, OutboxMonitor, rabbitMq } from '@tallystick/outbox';
import type { SideOptions } from '../business/sides';

type OutboxEvent = Parameters<OutboxMonitor['record']>[0];

export interface ApplicationOptions extends SideOptions {
  readonly service: string;
  readonly providers: Provider[];
  readonly controllers?: Type[];
  /** Connections of the application's own pool. */
  readonly poolSize: number;
  /** Hears what the library reports anyway, from its first event on: no statement is added to what is measured. */
  readonly onEvent: (event: OutboxEvent) => void;
  /** Everything else as an application may set it; the defaults are what is measured. */
  readonly outbox?: Partial<Omit<OutboxModuleOptions, 'service' | 'transport'>>;
}

/** An application with the library in it, wired as the README says. Its tables exist already. */
export function applicationModule(options: ApplicationOptions): DynamicModule {
  class BenchModule {}
  return {
    module: BenchModule,
    imports: [
      TypeOrmModule.forRoot({
        type: 'postgres',
        url: options.databaseUrl,
        connectTimeoutMS: 10_000,
        extra: { max: options.poolSize, Client: OutboxClient },
      }),
      OutboxModule.forRoot({
        service: options.service,
        transport: rabbitMq({ url: options.amqpUrl, prefix: 'bench' }),
        ...options.outbox,
      }),
    ],
    controllers: options.controllers,
    providers: [
      ...options.providers,
      { provide: onEvent, inject: [OutboxMonitor], useFactory: (monitor) => onEvent(monitor, options.onEvent) },
    ],
  };
}

export async function startApplication(options: ApplicationOptions): Promise<INestApplicationContext> {
  return NestFactory.createApplicationContext(applicationModule(options), { logger: ['fatal', 'error', 'warn'] });
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
