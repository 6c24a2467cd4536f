// The smallest application: a purchase, a handler, a refund. One service talks to itself; in yours, `to:` names another one.
import assert from 'node:assert/strict';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Compensate,
  MessageHandler,
  MessageRejected,
  Outbox,
  OutboxMessage,
  OutboxModule,
  recordedMessageId,
  TransactionalMessage,
} from '@tallystick/outbox';
import { memory } from '@tallystick/outbox/testing';
import { IsString } from 'class-validator';
import { database } from '../database';

@OutboxMessage({ type: 'order.requested', to: 'shop' })
class OrderRequested {
  @IsString() sku: string;
}

@Injectable()
class Shop {
  readonly refunds: string[] = [];

  @TransactionalMessage(OrderRequested)
  async purchase(sku: string): Promise<OrderRequested> {
    return { sku }; // recorded in the same transaction as everything this method writes
  }

  @MessageHandler(OrderRequested)
  async order({ sku }: OrderRequested): Promise<void> {
    if (sku !== 'tally-stick') throw new MessageRejected('UNKNOWN_SKU');
  }

  @Compensate(OrderRequested)
  async refund({ sku }: OrderRequested): Promise<void> {
    this.refunds.push(sku);
  }
}

@Module({
  // rabbitMq({ url }) instead of memory(), and the services may be anywhere.
  imports: [database(), OutboxModule.forRoot({ service: 'shop', transport: memory() })],
  providers: [Shop],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
  const [shop, outbox] = [app.get(Shop), app.get(Outbox)];
  const verdicts = [];
  for (const sku of ['tally-stick', 'moonstone']) {
    const id = recordedMessageId(await shop.purchase(sku))!;
    const { deliveries } = await outbox.waitForVerdict(id, { timeout: '30s' });
    verdicts.push(deliveries[0]!.verdict);
  }
  await app.close(); // follow-ups that are under way end first
  assert.deepEqual(verdicts, ['accepted', 'rejected']);
  assert.deepEqual(shop.refunds, ['moonstone']);
}

void main();
