import type { Pool } from 'mysql2';
import type { EntityManager } from 'typeorm';
import type { Store } from '../../ports/store-factory';
import { checkDurability, checkSchema, located } from './boot-checks';
import { Database } from './database';
import { MariaDbInboxStore } from './mariadb-inbox-store';
import { MariaDbOutboxStore } from './mariadb-outbox-store';
import { endPool } from './pool';
import { services } from './sql/operate';
import type { MariaDbTableOptions } from './tables';

export interface MariaDbStoreOptions extends MariaDbTableOptions {
  /** For statements outside of the application's transactions; see `poolFrom`. */
  pool: Pool;
}

/** Outbox and inbox in MariaDB. Statements with a `tx` run in the caller's TypeORM transaction, others on the pool. */
export class MariaDbStore extends MariaDbOutboxStore implements Store<EntityManager> {
  readonly inbox: MariaDbInboxStore;

  /** @throws InvalidOptionsError if schema or prefix are not on the allow-list */
  constructor(options: MariaDbStoreOptions) {
    const database = new Database(options.pool);
    const inPlace = located(database, options);
    super(database, inPlace);
    this.inbox = new MariaDbInboxStore(database, inPlace);
  }

  async checkSchema(): Promise<void> {
    await checkSchema(this.database, await this.tables());
  }

  checkDurability(): Promise<string[]> {
    return checkDurability(this.database);
  }

  async services(): Promise<string[]> {
    const { rows } = await this.database.run(services(await this.tables()));
    return rows.map((row) => row.source!);
  }

  end(): Promise<void> {
    return endPool(this.database.pool);
  }
}
