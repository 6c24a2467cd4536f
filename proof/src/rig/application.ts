import { ConsoleLogger, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { TypeOrmModule } from '@nestjs/typeorm';
import { direct, type DirectOptions, OutboxModule, rabbitMq } from '@tallystick/outbox';
import { databaseOf } from './databases';
import { rigSettings } from './settings';

/** What a process is told by its environment, beside the settings. */
interface Surroundings {
  readonly RIG_PORT: string;
  readonly RIG_DATABASE_URL: string;
  /** Of a cluster all, with commas between them. Absent: direct calls. */
  readonly RIG_AMQP_URL?: string;
  /** Where the consumer takes direct calls. */
  readonly RIG_DIRECT_ADDRESS: string;
  /** Where somebody else takes them. */
  readonly RIG_ELSEWHERE?: string;
  readonly RIG_RELAY: 'true' | 'false';
}

export const surroundings = process.env as unknown as Surroundings;

/** Of whichever kind its url says. */
const database = databaseOf(surroundings.RIG_DATABASE_URL);
/** A statement of a service, with `?` for values. */
export const prepared = database.prepared;

/** Database and outbox: the part that both services have in common. */
export function outboxOf(service: string, directly: (address: string) => DirectOptions): DynamicModule[] {
  const { RIG_DATABASE_URL, RIG_AMQP_URL, RIG_DIRECT_ADDRESS, RIG_RELAY } = surroundings;
  const transport = RIG_AMQP_URL
    ? rabbitMq({ ...rigSettings.rabbitMq, ...loginOf(RIG_AMQP_URL.split(',')[0]!), url: RIG_AMQP_URL.split(',') })
    : direct({ ...rigSettings.direct, ...directly(RIG_DIRECT_ADDRESS) });
  return [
    TypeOrmModule.forRoot(database.connection(service, RIG_DATABASE_URL)),
    OutboxModule.forRoot({
      relay: RIG_RELAY !== 'false',
      store: database.store(),
      ...rigSettings.outbox,
      service,
      transport,
    }),
  ];
}

function loginOf(url: string): { user?: string } {
  return rigSettings.checkUsers ? { user: decodeURIComponent(new URL(url).username) } : {};
}

/** Serves commands on loopback until SIGTERM, or until whoever started this process is gone. */
export async function startApplication(service: string, module: Type): Promise<void> {
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  const logger = new ConsoleLogger({ prefix: service, logLevels: [rigSettings.logLevel ?? 'warn'] });
  const app = await NestFactory.create<NestExpressApplication>(module, { logger });
  app.enableShutdownHooks();
  await app.listen(Number(surroundings.RIG_PORT), '127.0.0.1');
  process.stdout.write(`${service} listening on ${await app.getUrl()}\n`);
}
