import 'reflect-metadata';
import { type INestApplication, Injectable, Module } from '@nestjs/common';
import { AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  Compensate,
  mariadb,
  mariaDbMigrations,
  MessageHandler,
  MessageRejected,
  Outbox,
  OUTBOX_MIGRATIONS,
  OutboxMessage,
  OutboxModule,
  postgres,
  type StoreFactory,
  type TransportFactory,
  Transactional,
  Transactions,
} from '@tallystick/outbox';
import { IsObject, IsString } from 'class-validator';
import { DataSource } from 'typeorm';
import { OutboxDashboardModule } from './dashboard.module';
import type { DashboardOptions } from './options';

@OutboxMessage({ type: 'parcel.requested', to: 'warehouse', key: 'sku' })
export class ParcelRequested {
  @IsString() sku!: string;
  @IsObject() customer!: { name: string; email: string };
}

const CUSTOMER = { name: 'Ada', email: 'ada@example.com' };

@Injectable()
export class Shop {
  readonly refunded: string[] = [];

  constructor(private readonly outbox: Outbox) {}

  @Transactional()
  async buy(sku: string): Promise<string> {
    const { id } = await this.outbox.add(ParcelRequested, { sku, customer: CUSTOMER });
    return id;
  }

  @Compensate(ParcelRequested)
  async refund({ sku }: ParcelRequested): Promise<void> {
    this.refunded.push(sku);
    return Promise.resolve();
  }
}

/** Its handler writes to a table that a test may take away: a fault as it happens. */
@Injectable()
class Warehouse {
  constructor(
    readonly dataSource: DataSource,
    private readonly transactions: Transactions,
  ) {}

  @MessageHandler(ParcelRequested)
  async pack({ sku }: ParcelRequested): Promise<{ shelf: string }> {
    if (sku === 'sold-out') throw new MessageRejected('OUT_OF_STOCK', { sku }, 'The last one is gone.');
    const mark = this.dataSource.options.type === 'postgres' ? '$1' : '?';
    await this.transactions.manager().query(`insert into parcel values (${mark})`, [sku]);
    return { shelf: 'A7' };
  }
}

/** Everything happens within seconds, or waits for a person. */
const QUICK = { backoff: { first: '50ms', max: '200ms' }, pollInterval: '50ms', giveUpAfter: '1s' } as const;

const isPostgres = (url: string): boolean => url.startsWith('postgres');

function database(url: string): ReturnType<typeof TypeOrmModule.forRoot> {
  return isPostgres(url)
    ? TypeOrmModule.forRoot({ type: 'postgres', url, migrations: OUTBOX_MIGRATIONS, migrationsRun: true })
    : TypeOrmModule.forRoot({ type: 'mariadb', url, migrations: mariaDbMigrations(), migrationsRun: true });
}

const storeOf = (url: string): StoreFactory => (isPostgres(url) ? postgres() : mariadb());

export interface ShopSetting {
  readonly databaseUrl: string;
  readonly transport: TransportFactory;
  readonly dashboard?: DashboardOptions<{ headers: Record<string, string | undefined> }>;
  readonly framework?: 'express' | 'fastify';
  readonly prefix?: string;
}

export interface RunningShop {
  readonly app: INestApplication;
  readonly shop: Shop;
  readonly port: number;
}

/** The producer, with the page. */
export async function startShop(setting: ShopSetting): Promise<RunningShop> {
  const { databaseUrl, transport, dashboard, framework = 'express', prefix } = setting;
  @Module({
    imports: [
      database(databaseUrl),
      OutboxModule.forRoot({ service: 'shop', transport, store: storeOf(databaseUrl), ...QUICK }),
      OutboxDashboardModule.forRoot(dashboard),
    ],
    providers: [Shop],
  })
  class ShopModule {}
  const adapter: AbstractHttpAdapter = framework === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
  const app = await NestFactory.create(ShopModule, adapter, { logger: ['fatal'], abortOnError: false });
  if (prefix) app.setGlobalPrefix(prefix);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as { port: number };
  return { app, shop: app.get(Shop), port };
}

/** The consumer, with a database of its own. */
export async function startWarehouse(
  setting: Pick<ShopSetting, 'databaseUrl' | 'transport'>,
): Promise<INestApplication> {
  @Module({
    imports: [
      database(setting.databaseUrl),
      OutboxModule.forRoot({
        ...{ service: 'warehouse', transport: setting.transport, ...QUICK },
        store: storeOf(setting.databaseUrl),
      }),
    ],
    providers: [Warehouse],
  })
  class WarehouseModule {}
  const app = await NestFactory.create(WarehouseModule, new ExpressAdapter(), {
    logger: ['fatal'],
    abortOnError: false,
  });
  await app.get(DataSource).query('create table parcel (sku text not null)');
  await app.init();
  return app;
}
