// One message, two consumers: each has its own retries, its own verdict, and its own compensation.
import assert from 'node:assert/strict';
import { Injectable, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Compensate,
  type FollowUpContext,
  MessageHandler,
  MessageRejected,
  Outbox,
  OutboxMessage,
  OutboxModule,
  Transactional,
} from '@tallystick/outbox';
import { memory } from '@tallystick/outbox/testing';
import { IsString } from 'class-validator';
import { database } from '../database';

@OutboxMessage({ type: 'order.placed', to: ['stock-service', 'mail-service'] })
class OrderPlaced {
  @IsString() sku: string;
}

const transport = memory(); // one for all three: they meet in it

@Injectable()
class Shop {
  readonly compensated: string[] = [];
  constructor(private readonly outbox: Outbox) {}

  @Transactional()
  async place(sku: string): Promise<string> {
    const { id } = await this.outbox.add(OrderPlaced, { sku });
    return id;
  }

  @Compensate(OrderPlaced)
  async giveBack(_: OrderPlaced, { consumer, reason }: FollowUpContext): Promise<void> {
    this.compensated.push(`${consumer}: ${reason!.code}`);
  }
}

@Injectable()
class Stock {
  @MessageHandler(OrderPlaced)
  async take(): Promise<void> {
    throw new MessageRejected('OUT_OF_STOCK');
  }
}

@Injectable()
class Mail {
  @MessageHandler(OrderPlaced)
  async write(): Promise<void> {}
}

@Module({ imports: [database(), OutboxModule.forRoot({ service: 'shop', transport })], providers: [Shop] })
class ShopModule {}
@Module({ imports: [database(), OutboxModule.forRoot({ service: 'stock-service', transport })], providers: [Stock] })
class StockModule {}
@Module({ imports: [database(), OutboxModule.forRoot({ service: 'mail-service', transport })], providers: [Mail] })
class MailModule {}

async function main(): Promise<void> {
  const start = (module: Type) => NestFactory.createApplicationContext(module, { logger: ['error', 'warn'] });
  const shop = await start(ShopModule);
  const others = [await start(StockModule), await start(MailModule)];
  const id = await shop.get(Shop).place('tally-stick');
  const { deliveries } = await shop.get(Outbox).waitForVerdict(id, { timeout: '30s' }); // of both
  const verdicts = deliveries.map(({ consumer, verdict }) => `${consumer}: ${verdict}`).sort();
  await shop.close(); // follow-ups that are under way end first
  for (const app of others) await app.close();
  assert.deepEqual(verdicts, ['mail-service: accepted', 'stock-service: rejected']);
  assert.deepEqual(shop.get(Shop).compensated, ['stock-service: OUT_OF_STOCK']);
}

void main();
