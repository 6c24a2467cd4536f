// On Fastify nothing is different: the library knows Nest, and no HTTP adapter.
import assert from 'node:assert/strict';
import { Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { MessageHandler, Outbox, OutboxMessage, OutboxModule, Transactional } from '@tallystick/outbox';
import { memory } from '@tallystick/outbox/testing';
import { IsString } from 'class-validator';
import { database } from '../database';

@OutboxMessage({ type: 'order.requested', to: 'shop' })
class OrderRequested {
  @IsString() sku: string;
}

@Controller('purchases')
class PurchasesController {
  constructor(private readonly outbox: Outbox) {}

  @Post()
  async purchase(): Promise<{ verdict: unknown }> {
    const { deliveries } = await this.outbox.waitForVerdict(await this.record(), { timeout: '30s' });
    return { verdict: deliveries[0]!.verdict };
  }

  @Transactional()
  async record(): Promise<string> {
    const { id } = await this.outbox.add(OrderRequested, { sku: 'tally-stick' });
    return id;
  }

  @MessageHandler(OrderRequested)
  async order(): Promise<void> {}
}

@Module({
  imports: [database(), OutboxModule.forRoot({ service: 'shop', transport: memory() })],
  controllers: [PurchasesController],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter(), {
    logger: ['error', 'warn'],
  });
  await app.listen(0, '127.0.0.1');
  const answer = await fetch(`${await app.getUrl()}/purchases`, { method: 'POST' });
  const body = await answer.json();
  await app.close();
  assert.equal(answer.status, 201);
  assert.deepEqual(body, { verdict: 'accepted' });
}

void main();
