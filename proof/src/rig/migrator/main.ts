import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { databaseOf } from '../databases';

/** What a deployment runs before the services: the library's migrations. Ends with 0 when they are done. */
async function migrate(): Promise<void> {
  const url = process.env.RIG_DATABASE_URL!;
  const { connection, migrations } = databaseOf(url);
  const dataSource = new DataSource({ ...connection('rig-migrator', url), migrations: [...migrations] });
  await dataSource.initialize();
  await dataSource.runMigrations();
  await dataSource.destroy();
}

void migrate();
