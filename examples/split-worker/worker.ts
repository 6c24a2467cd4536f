// The process that relays what others of its service recorded, and compensates. Beside it, in memory, the other service.
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Compensate,
  type FollowUpContext,
  MessageHandler,
  MessageRejected,
  OutboxModule,
  Transactions,
} from '@tallystick/outbox';
import { memory } from '@tallystick/outbox/testing';
import { database } from '../database';
import { OrderRequested, Refund } from './contract';

const transport = memory(); // one for both: they meet in it
let refunded: () => void;
const refund = new Promise<void>((resolve) => (refunded = resolve));

@Injectable()
class Refunds {
  constructor(private readonly transactions: Transactions) {}

  @Compensate(OrderRequested)
  async refund({ sku }: OrderRequested, { reason }: FollowUpContext): Promise<void> {
    await this.transactions.repository(Refund).insert({ sku, reason: reason!.code });
    this.transactions.afterCommit(() => refunded());
  }
}

@Module({
  imports: [database(Refund), OutboxModule.forRoot({ service: 'user-service', transport })],
  providers: [Refunds],
})
class WorkerModule {}

@Injectable()
class Orders {
  @MessageHandler(OrderRequested)
  async order(): Promise<void> {
    throw new MessageRejected('UNKNOWN_SKU');
  }
}

@Module({
  imports: [database(Refund), OutboxModule.forRoot({ service: 'order-service', transport })],
  providers: [Orders],
})
class OrderModule {}

async function main(): Promise<void> {
  const orders = await NestFactory.createApplicationContext(OrderModule, { logger: ['error', 'warn'] });
  const worker = await NestFactory.createApplicationContext(WorkerModule, { logger: ['error', 'warn'] });
  await refund;
  await worker.close();
  await orders.close();
}

void main();
