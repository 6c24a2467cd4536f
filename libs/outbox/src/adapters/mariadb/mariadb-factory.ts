import { DataSource, type EntityManager } from 'typeorm';
import type { StoreFactory } from '../../ports/store-factory';
import { MariaDbStore } from './mariadb-store';
import { poolFrom } from './pool';

/**
 * The tables are in MariaDB (10.6 and later), where the DataSource of type `mariadb` or `mysql` writes: `OutboxModule.forRoot({ …, store: mariadb() })`,
 * with `mariaDbMigrations()` among its migrations. Needs `mysql2`, which TypeORM needs for it, too. Statements are those that MySQL
 * 8.0.16 has as well; docs/mariadb.md says what was run on which.
 */
export function mariadb(): StoreFactory<DataSource, EntityManager> {
  return {
    name: 'mariadb',
    create: ({ source, tables, poolSize }) =>
      new MariaDbStore({ pool: poolFrom(source, { max: poolSize }), ...tables }),
    sourceOf: (url) => new DataSource({ type: 'mariadb', url }),
  };
}
