import { ConsoleLogger, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { readConfig, type ServiceConfig } from './config';
import { configureHttp } from './http';

/** Starts a service and prints one line when it listens. A problem before that ends the process with its reason. */
export async function startService(service: string, module: Type, config: new () => ServiceConfig): Promise<void> {
  const { HOST, LOG_LEVEL, NODE_ENV, PORT } = readConfig(config);
  const logger = new ConsoleLogger({ prefix: service, logLevels: [LOG_LEVEL], json: NODE_ENV === 'production' });
  const app = await NestFactory.create<NestExpressApplication>(module, { bodyParser: false, logger });
  configureHttp(app, service);
  app.enableShutdownHooks();
  await app.listen(PORT, HOST);
  process.stdout.write(`${service} listening on ${await app.getUrl()}\n`);
}
