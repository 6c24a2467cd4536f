// @nestjs-cls/transactional owns the transactions: its decorator and ours open and join the same ones.
import assert from 'node:assert/strict';
import { ClsPluginTransactional, Propagation, Transactional, TransactionHost } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import { MessageHandler, Outbox, OutboxMessage, OutboxModule } from '@tallystick/outbox';
import { memory } from '@tallystick/outbox/testing';
import { IsString } from 'class-validator';
import { ClsModule } from 'nestjs-cls';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { database } from '../database';

@OutboxMessage({ type: 'order.requested', to: 'shop' })
class OrderRequested {
  @IsString() sku: string;
}

@Entity()
class Purchase {
  @PrimaryColumn() sku: string;
  @Column() done: boolean;
}

type Host = TransactionHost<TransactionalAdapterTypeOrm>;
const PROPAGATION = { join: Propagation.Required, savepoint: Propagation.Nested, new: Propagation.RequiresNew };

@Injectable()
class Shop {
  constructor(
    private readonly outbox: Outbox,
    private readonly theirs: TransactionHost<TransactionalAdapterTypeOrm>,
  ) {}

  @Transactional() // of @nestjs-cls/transactional
  async purchase(sku: string, fails = false): Promise<string> {
    await this.theirs.tx.getRepository(Purchase).insert({ sku, done: false });
    const { id } = await this.outbox.add(OrderRequested, { sku });
    if (fails) throw new Error('after the message was recorded');
    return id;
  }

  @MessageHandler(OrderRequested) // in our transaction, which is theirs as well
  async order({ sku }: OrderRequested): Promise<void> {
    await this.theirs.tx.getRepository(Purchase).update({ sku }, { done: true });
  }
}

const orm = database(Purchase);

@Module({
  imports: [
    orm,
    ClsModule.forRoot({
      global: true,
      plugins: [
        new ClsPluginTransactional({
          imports: [orm],
          adapter: new TransactionalAdapterTypeOrm({ dataSourceToken: getDataSourceToken() }),
        }),
      ],
    }),
    OutboxModule.forRootAsync({
      inject: [TransactionHost],
      useFactory: (host: Host) => ({
        service: 'shop',
        transport: memory(),
        transactionHost: {
          manager: () => (host.isTransactionActive() ? host.tx : undefined),
          run: (work, { isolation, propagation = 'join' }) =>
            isolation
              ? host.withTransaction(PROPAGATION[propagation], { isolationLevel: isolation }, work)
              : host.withTransaction(PROPAGATION[propagation], work),
        },
      }),
    }),
  ],
  providers: [Shop],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
  const [shop, outbox] = [app.get(Shop), app.get(Outbox)];
  const id = await shop.purchase('tally-stick');
  await assert.rejects(shop.purchase('moonstone', true), /after the message was recorded/);
  const { deliveries } = await outbox.waitForVerdict(id, { timeout: '30s' });
  const purchases = await app.get(getDataSourceToken()).getRepository(Purchase).find();
  await app.close();
  assert.equal(deliveries[0]!.verdict, 'accepted');
  assert.deepEqual(
    purchases.map(({ sku, done }: Purchase) => [sku, done]),
    [['tally-stick', true]],
  );
}

void main();
