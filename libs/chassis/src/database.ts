import type { TypeOrmModuleAsyncOptions } from '@nestjs/typeorm';
import { OUTBOX_MIGRATIONS, OutboxClient } from '@tallystick/outbox';
import { DataSource, type DataSourceOptions, type MigrationInterface, type ValueTransformer } from 'typeorm';
import { SERVICE_CONFIG, type ServiceConfig } from './config';

/** For `bigint` columns that hold safe integers: the driver returns them as strings. */
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
    useFactory: ({ DATABASE_URL }: ServiceConfig): DataSourceOptions => ({
      type: 'postgres',
      url: DATABASE_URL,
      applicationName: service,
      entities,
      migrations: [...OUTBOX_MIGRATIONS, ...migrations],
      migrationsTableName: 'migrations',
      synchronize: false,
      // An exhausted pool or a database that is gone becomes an error, not a request that hangs.
      connectTimeoutMS: 5_000,
      // Fewer round trips, for the library's statements and for these services' own.
      extra: { max: 10, Client: OutboxClient },
    }),
    dataSourceFactory: async (options) => migrated(await new DataSource(options!).initialize()),
  };
}

/** The key of the lock; any number that nothing else in the database uses. */
const MIGRATING = 7_247_914_320;

/**
 * Runs the pending migrations. Replicas that start together take turns: the lock is held by a transaction of its own,
 * so it goes with its connection and works behind a transaction pooler. Whoever comes second finds nothing to do.
 */
async function migrated(dataSource: DataSource): Promise<DataSource> {
  try {
    await dataSource.transaction(async (manager) => {
      await manager.query('select pg_advisory_xact_lock($1)', [MIGRATING]);
      await dataSource.runMigrations({ transaction: 'each' });
    });
    return dataSource;
  } catch (error) {
    await dataSource.destroy(); // TypeOrmModule tries again with a new one
    throw error;
  }
}
