// A bad message is answered with 400 and an unknown one with 404, by one exception filter.
import assert from 'node:assert/strict';
import { Body, Controller, Get, Module, Param, ParseUUIDPipe, Post } from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import {
  MessageHandler,
  type MessageStatus,
  Outbox,
  OutboxMessage,
  OutboxModule,
  Transactional,
} from '@tallystick/outbox';
import { memory } from '@tallystick/outbox/testing';
import { IsInt, Min } from 'class-validator';
import { database } from '../database';
import { OutboxExceptionFilter } from './outbox-exception.filter';

@OutboxMessage({ type: 'order.requested', to: 'shop' })
class OrderRequested {
  @IsInt() @Min(1) amount: number;
}

@Controller('orders')
class OrdersController {
  constructor(private readonly outbox: Outbox) {}

  @Post()
  @Transactional()
  async create(@Body() body: OrderRequested): Promise<{ id: string }> {
    const { id } = await this.outbox.add(OrderRequested, { amount: body.amount });
    return { id };
  }

  @Get(':id')
  async status(@Param('id', ParseUUIDPipe) id: string): Promise<MessageStatus> {
    return this.outbox.waitForVerdict(id, { timeout: '30s' });
  }

  @MessageHandler(OrderRequested)
  async order(): Promise<void> {}
}

@Module({
  imports: [database(), OutboxModule.forRoot({ service: 'shop', transport: memory() })],
  controllers: [OrdersController],
  providers: [{ provide: APP_FILTER, useClass: OutboxExceptionFilter }],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  const orders = `${await app.getUrl()}/orders`;
  const post = (amount: number) =>
    fetch(orders, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ amount }),
    });

  const good = await post(1);
  const { id } = (await good.json()) as { id: string };
  const found = await fetch(`${orders}/${id}`);
  const bad = await post(0);
  const missing = await fetch(`${orders}/00000000-0000-7000-8000-000000000000`);
  const [refusal, problem] = [await bad.text(), await missing.text()];
  await app.close();

  assert.deepEqual([good.status, found.status, bad.status, missing.status], [201, 200, 400, 404]);
  assert.match(refusal, /amount/);
  assert.match(problem, /00000000-0000-7000-8000-000000000000/);
}

void main();
