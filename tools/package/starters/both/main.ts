import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  Compensate,
  direct,
  mariadb,
  mariaDbMigrations,
  MessageHandler,
  MessageRejected,
  Outbox,
  OUTBOX_MIGRATIONS,
  OutboxMessage,
  OutboxModule,
  recordedMessageId,
  TransactionalMessage,
} from '@tallystick/outbox';
import { IsString } from 'class-validator';

@OutboxMessage({ type: 'order.requested', to: 'shop' })
class OrderRequested {
  @IsString() sku!: string;
}

const refunds: string[] = [];

/** Both ends of the conversation, in one service, over a real socket. */
@Injectable()
class Shop {
  constructor(private readonly outbox: Outbox) {}

  @TransactionalMessage(OrderRequested)
  async purchase(sku: string): Promise<OrderRequested> {
    return { sku };
  }

  @MessageHandler(OrderRequested)
  async order({ sku }: OrderRequested): Promise<void> {
    if (sku !== 'tally-stick') throw new MessageRejected('UNKNOWN_SKU');
  }

  @Compensate(OrderRequested)
  async refund({ sku }: OrderRequested): Promise<void> {
    refunds.push(sku);
  }

  async verdictOn(sku: string): Promise<string> {
    const id = recordedMessageId(await this.purchase(sku))!;
    const { deliveries } = await this.outbox.waitForVerdict(id, { timeout: '60s' });
    return deliveries[0]!.verdict!;
  }
}

const { DATABASE_URL, SHOP } = process.env as Record<string, string>;
const isPostgres = DATABASE_URL.startsWith('postgres');
const database = isPostgres
  ? { type: 'postgres' as const, migrations: [...OUTBOX_MIGRATIONS] }
  : { type: 'mariadb' as const, migrations: mariaDbMigrations() };

@Module({
  imports: [
    TypeOrmModule.forRoot({ ...database, url: DATABASE_URL, migrationsRun: true }),
    OutboxModule.forRoot({
      service: 'shop',
      transport: direct({ listen: SHOP, peers: { shop: SHOP } }),
      ...(!isPostgres && { store: mariadb() }),
    }),
  ],
  providers: [Shop],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'], abortOnError: false });
  app.enableShutdownHooks();
  await app.init();
  const shop = app.get(Shop);
  const verdicts = [await shop.verdictOn('tally-stick'), await shop.verdictOn('moonstone')];
  await app.close(); // follow-ups that are under way end first
  console.log(JSON.stringify({ verdicts, refunds }));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
