// typeorm-transactional owns the transactions: its decorator and ours open and join the same ones.
import assert from 'node:assert/strict';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MessageHandler, Outbox, OUTBOX_MIGRATIONS, OutboxMessage, OutboxModule } from '@tallystick/outbox';
import { memory } from '@tallystick/outbox/testing';
import { IsString } from 'class-validator';
import { Column, DataSource, Entity, PrimaryColumn, Repository } from 'typeorm';
import { InjectRepository } from '@nestjs/typeorm';
import {
  addTransactionalDataSource,
  initializeTransactionalContext,
  IsolationLevel,
  Propagation,
  runInTransaction,
  Transactional,
} from 'typeorm-transactional';

@OutboxMessage({ type: 'order.requested', to: 'shop' })
class OrderRequested {
  @IsString() sku: string;
}

@Entity()
class Purchase {
  @PrimaryColumn() sku: string;
  @Column() done: boolean;
}

@Injectable()
class Shop {
  constructor(
    private readonly outbox: Outbox,
    @InjectRepository(Purchase) private readonly purchases: Repository<Purchase>,
  ) {}

  @Transactional() // of typeorm-transactional
  async purchase(sku: string, fails = false): Promise<string> {
    await this.purchases.insert({ sku, done: false });
    const { id } = await this.outbox.add(OrderRequested, { sku });
    if (fails) throw new Error('after the message was recorded');
    return id;
  }

  @MessageHandler(OrderRequested) // in our transaction, which is theirs as well
  async order({ sku }: OrderRequested): Promise<void> {
    await this.purchases.update({ sku }, { done: true });
  }
}

const PROPAGATION = { join: Propagation.REQUIRED, savepoint: Propagation.NESTED, new: Propagation.REQUIRES_NEW };
const ISOLATION = {
  'READ UNCOMMITTED': IsolationLevel.READ_UNCOMMITTED,
  'READ COMMITTED': IsolationLevel.READ_COMMITTED,
  'REPEATABLE READ': IsolationLevel.REPEATABLE_READ,
  SERIALIZABLE: IsolationLevel.SERIALIZABLE,
};

@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      useFactory: () => ({
        type: 'postgres',
        url: process.env.DATABASE_URL,
        entities: [Purchase],
        synchronize: true,
        migrations: [...OUTBOX_MIGRATIONS],
        migrationsRun: true,
        connectTimeoutMS: 10_000,
      }),
      dataSourceFactory: async (options) => addTransactionalDataSource(new DataSource(options!)),
    }),
    TypeOrmModule.forFeature([Purchase]), // not OutboxModule.forFeature: here repositories follow their transaction
    OutboxModule.forRootAsync({
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => ({
        service: 'shop',
        transport: memory(),
        transactionHost: {
          manager: () => dataSource.manager, // which is that of the open transaction, if there is one
          run: (work, { isolation, propagation }) =>
            runInTransaction(work, {
              propagation: PROPAGATION[propagation ?? 'join'],
              isolationLevel: isolation && ISOLATION[isolation],
            }),
        },
      }),
    }),
  ],
  providers: [Shop],
})
class AppModule {}

async function main(): Promise<void> {
  initializeTransactionalContext();
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
  const [shop, outbox, dataSource] = [app.get(Shop), app.get(Outbox), app.get(DataSource)];
  const id = await shop.purchase('tally-stick');
  await assert.rejects(shop.purchase('moonstone', true), /after the message was recorded/);
  const { deliveries } = await outbox.waitForVerdict(id, { timeout: '30s' });
  const purchases = await dataSource.getRepository(Purchase).find();
  await app.close();
  assert.equal(deliveries[0]!.verdict, 'accepted');
  assert.deepEqual(
    purchases.map(({ sku, done }) => [sku, done]),
    [['tally-stick', true]],
  );
}

void main();
