// The process that serves requests. It records and nothing else: no relay, no @Compensate, no connection to a broker.
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { OutboxModule, TransactionalMessage } from '@tallystick/outbox';
import { memory } from '@tallystick/outbox/testing';
import { database } from '../database';
import { OrderRequested, Refund } from './contract';

@Injectable()
class Purchases {
  @TransactionalMessage(OrderRequested)
  async purchase(sku: string): Promise<OrderRequested> {
    return { sku };
  }
}

@Module({
  imports: [database(Refund), OutboxModule.forRoot({ service: 'user-service', transport: memory(), relay: false })],
  providers: [Purchases],
})
class WebModule {}

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(WebModule, { logger: ['error', 'warn'] });
  await app.get(Purchases).purchase('moonstone');
  await app.close();
}

void main();
