import type { TypeOrmModuleAsyncOptions } from '@nestjs/typeorm';
import type { StoreFactory } from '@tallystick/outbox';
import {
  DataSource,
  type DataSourceOptions,
  type MigrationInterface,
  type QueryRunner,
  type ValueTransformer,
} from 'typeorm';
import { SERVICE_CONFIG, type ServiceConfig } from './config';
import type { Engine } from './engines/engine';
import { mariaDbEngine } from './engines/mariadb';
import { postgresEngine } from './engines/postgres';

/** For `bigint` columns that hold safe integers: the drivers return them as strings. */
export const safeInteger: ValueTransformer = {
  to: (value: unknown) => value,
  from: (value: string | null) => (value === null ? null : Number(value)),
};

interface Schema {
  entities: (new () => object)[];
  migrations: (new () => MigrationInterface)[];
}

/** TypeORM's options for a service: its own tables and the library's, created by migrations before anybody uses them. */
export function database(service: string, { entities, migrations }: Schema): TypeOrmModuleAsyncOptions {
  return {
    inject: [SERVICE_CONFIG],
    useFactory: ({ DATABASE_URL }: ServiceConfig): DataSourceOptions => {
      const { connection, outboxMigrations } = engineOf(DATABASE_URL);
      return {
        ...connection(service, DATABASE_URL),
        entities,
        migrations: [...outboxMigrations, ...migrations],
        migrationsTableName: 'migrations',
        synchronize: false,
      };
    },
    dataSourceFactory: async (options) => migrated(await new DataSource(options!).initialize()),
  };
}

/** For migrations: the type of a column for when a row was written. All else but {@link exactText} is SQL that both kinds speak. */
export function instant({ dataSource }: QueryRunner): string {
  return engineFor(dataSource).instant;
}

/** For migrations: the type of a column for a key that somebody else has chosen, which is compared by every character. */
export function exactText({ dataSource }: QueryRunner, length: number): string {
  return `varchar(${length}) ${engineFor(dataSource).everyCharacter}`.trim();
}

/** For `OutboxModule.forRoot({ store })`: the database is chosen by the url alone. */
export function storeOf(url: string): StoreFactory {
  return engineOf(url).store();
}

function engineOf(url: string): Engine {
  return url.startsWith('postgres') ? postgresEngine : mariaDbEngine;
}

function engineFor({ options }: DataSource): Engine {
  return options.type === 'postgres' ? postgresEngine : mariaDbEngine;
}

/** Runs the pending migrations. Replicas that start together take turns; whoever comes second finds nothing to do. */
async function migrated(dataSource: DataSource): Promise<DataSource> {
  const { whileLocked } = engineFor(dataSource);
  try {
    await dataSource.transaction((manager) =>
      whileLocked(manager, async () => {
        await dataSource.runMigrations({ transaction: 'each' });
      }),
    );
    return dataSource;
  } catch (error) {
    await dataSource.destroy(); // TypeOrmModule tries again with a new one
    throw error;
  }
}
