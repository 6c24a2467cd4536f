import 'reflect-metadata';
import { OUTBOX_MIGRATIONS } from '@tallystick/outbox';
import { DataSource } from 'typeorm';

/** What a deployment runs before the services: the library's migrations. Ends with 0 when they are done. */
async function migrate(): Promise<void> {
  const dataSource = new DataSource({
    type: 'postgres',
    url: process.env.RIG_DATABASE_URL,
    migrations: OUTBOX_MIGRATIONS,
  });
  await dataSource.initialize();
  await dataSource.runMigrations();
  await dataSource.destroy();
}

void migrate();
