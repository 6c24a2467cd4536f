import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { OutboxModule, OutboxMonitor, rabbitMq } from '@tallystick/outbox';
import type { EntityManager } from 'typeorm';
import type { INestApplicationContext } from '@nestjs/common';
import type { ServiceContext } from './context';
import type { Sql } from './database';

/** Where providers find what a service was given. */
export const SERVICE = Symbol('SERVICE');

/**
 * A NestJS application with Tallystick, wired as its README says. The waits are shorter than the defaults, so that a
 * learner need not wait half a minute for the lease of a process that died.
 * @param steps which of the library's own events, of which type of message, are steps of the protocol
 */
export async function startNest(
  service: ServiceContext,
  providers: Provider[],
  steps: Readonly<Record<string, string>>,
  modules: DynamicModule[] = [],
): Promise<INestApplicationContext> {
  @Module({})
  class LabModule {}
  const module: DynamicModule = {
    module: LabModule,
    imports: [
      TypeOrmModule.forRoot({ type: 'postgres', url: service.databaseUrl, extra: { max: 20 } }),
      OutboxModule.forRoot({
        service: `${service.side}-service`,
        transport: rabbitMq({ url: service.amqpUrl, publishTimeout: '900ms' }),
        lease: '2s',
        pollInterval: '100ms',
        backoff: { first: '100ms', max: '1s' },
        receiptWait: { first: '1s', max: '4s' },
        handlerTimeout: '10s',
      }),
      ...modules,
    ],
    providers: [...providers, { provide: SERVICE, useValue: service }, stepsOf(service, steps)],
  };
  return NestFactory.createApplicationContext(module, { logger: ['fatal', 'error'] });
}

/** The library tells what it did; there its process may be killed, too. */
function stepsOf(service: ServiceContext, steps: Readonly<Record<string, string>>): Provider {
  const watch = (monitor: OutboxMonitor): OutboxMonitor => {
    const record = monitor.record.bind(monitor);
    monitor.record = (event) => {
      record(event);
      const step = steps[event.event] ?? ('type' in event ? steps[`${event.event} ${event.type}`] : undefined);
      if (step !== undefined) void service.step(step);
    };
    return monitor;
  };
  return { provide: 'STEPS', inject: [OutboxMonitor], useFactory: watch };
}

/** The ambient transaction, as the business of the lab speaks to it. */
export function sqlOf(manager: EntityManager): Sql {
  return {
    async query(text, values) {
      const { affected, records } = await manager.queryRunner!.query(text, values, true);
      return { rowCount: affected ?? records.length, rows: records };
    },
  };
}
