import type { Pool } from 'mysql2';
import type { EntityManager } from 'typeorm';
import type { Reason } from '../../message/receipt';
import type {
  InboxBegin,
  InboxLook,
  InboxMessage,
  InboxReject,
  InboxResult,
  InboxStore,
  RegisteredHandler,
} from '../../ports/store';
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
export class MariaDbStore extends MariaDbOutboxStore implements InboxStore<EntityManager> {
  private readonly inbox: MariaDbInboxStore;

  /** @throws InvalidOptionsError if schema or prefix are not on the allow-list */
  constructor(options: MariaDbStoreOptions) {
    const database = new Database(options.pool);
    const inPlace = located(database, options);
    super(database, inPlace);
    this.inbox = new MariaDbInboxStore(database, inPlace);
  }

  /** @throws SchemaMismatchError if the tables are missing, older or newer than this version of the library needs */
  async checkSchema(): Promise<void> {
    await checkSchema(this.database, await this.tables());
  }

  /** What about this server could lose an acknowledged commit, as sentences for a log; empty if nothing. */
  checkDurability(): Promise<string[]> {
    return checkDurability(this.database);
  }

  /** Who records here, as far as recent messages and registered follow-ups tell; in alphabetical order. */
  async services(): Promise<string[]> {
    const { rows } = await this.database.run(services(await this.tables()));
    return rows.map((row) => row.source!);
  }

  /** Ends the store's own connections, in bounded time. A second call is fine. */
  end(): Promise<void> {
    return endPool(this.database.pool);
  }

  begin(
    tx: EntityManager,
    message: InboxMessage,
    limits: { horizonMs: number; lockTimeoutMs: number },
  ): Promise<InboxBegin> {
    return this.inbox.begin(tx, message, limits);
  }

  beginMany(
    tx: EntityManager,
    messages: readonly InboxMessage[],
    limits: { horizonMs: number; lockTimeoutMs: number },
  ): Promise<{ messageId: string; receivedAt: string }[]> {
    return this.inbox.beginMany(tx, messages, limits);
  }

  keepResults(tx: EntityManager, results: readonly InboxResult[]): Promise<void> {
    return this.inbox.keepResults(tx, results);
  }

  reject(
    message: InboxMessage,
    reason: Reason,
    limits: { horizonMs: number; lockTimeoutMs: number },
  ): Promise<InboxReject> {
    return this.inbox.reject(message, reason, limits);
  }

  look(message: InboxMessage, limits: { horizonMs: number }): Promise<InboxLook> {
    return this.inbox.look(message, limits);
  }

  registerHandlers(consumer: string, handlers: readonly RegisteredHandler[]): Promise<RegisteredHandler[]> {
    return this.inbox.registerHandlers(consumer, handlers);
  }

  pruneInbox(consumer: string, olderThanMs: number, limit: number): Promise<number> {
    return this.inbox.pruneInbox(consumer, olderThanMs, limit);
  }
}
