import type { Pool } from 'pg';
import type { EntityManager } from 'typeorm';
import type { Store } from '../../ports/store-factory';
import { Database } from './database';
import { PostgresInboxStore } from './postgres-inbox-store';
import { PostgresOutboxStore } from './postgres-outbox-store';
import { checkDurability, checkSchema, located } from './boot-checks';
import { endPool } from './pool';
import { servicesSql } from './sql/search';
import { type TableOptions, type Tables, tables } from './tables';

export interface PostgresStoreOptions extends TableOptions {
  /** For statements outside of the application's transactions; see `poolFrom`. `end` ends it. */
  pool: Pool;
  /** Prepare by name what the library adds to the application's transactions. @default true */
  namedStatements?: boolean;
  /** How long a statement on the pool may go unanswered. @default 20 s */
  answerTimeoutMs?: number;
}

/** Outbox and inbox in PostgreSQL. Statements with a `tx` run in the caller's TypeORM transaction, others on the pool. */
export class PostgresStore extends PostgresOutboxStore implements Store<EntityManager> {
  readonly inbox: PostgresInboxStore;
  private readonly inPlace: () => Promise<Tables>;

  /** @throws InvalidOptionsError if schema or prefix are not on the allow-list */
  constructor(options: PostgresStoreOptions) {
    const names = tables(options);
    const database = new Database(options.pool, options.namedStatements ?? true, options.answerTimeoutMs);
    const inPlace = located(database, options);
    super(database, inPlace, names);
    this.inPlace = inPlace;
    this.inbox = new PostgresInboxStore(database, inPlace);
  }

  async checkSchema(): Promise<void> {
    await checkSchema(this.database, await this.inPlace());
  }

  checkDurability(): Promise<string[]> {
    return checkDurability(this.database);
  }

  async services(): Promise<string[]> {
    const { rows } = await this.database.run(servicesSql(await this.inPlace()), undefined);
    return rows.map((row) => row.source!);
  }

  end(): Promise<void> {
    return endPool(this.database.pool);
  }
}
