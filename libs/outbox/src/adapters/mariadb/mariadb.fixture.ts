import { findMariaDb, type MariaDbDatabaseServer } from '@tallystick/services';
import { DataSource, type EntityManager } from 'typeorm';
import { retryingConflicts } from '../../concurrency/conflict';
import { mysqlFaults, Transactions } from '../../transactions';
import { MariaDbStore } from './mariadb-store';
import { mariaDbMigrations } from './migrations';
import { poolFrom } from './pool';
import { type MariaDbTableOptions, type MariaDbTables, tables } from './tables';

export interface MariaDbFixtureOptions extends MariaDbTableOptions {
  /** Which of TypeORM's drivers the application uses. @default 'mariadb' */
  type?: 'mariadb' | 'mysql';
  /** Of the application's transactions. @default 'READ COMMITTED' */
  isolation?: 'READ COMMITTED' | 'REPEATABLE READ';
  /** Connections of the application. @default those of the driver */
  poolSize?: number;
  /** Of a server of our own. */
  settings?: Record<string, string>;
}

/** A MariaDB store in a database of its own, migrated, with everything a test needs to look behind it. */
export class MariaDbFixture {
  readonly outbox: MariaDbStore;
  readonly inbox: MariaDbStore['inbox'];
  private readonly ambient: Transactions;

  private constructor(
    readonly server: MariaDbDatabaseServer,
    readonly url: string,
    readonly dataSource: DataSource,
    readonly tables: MariaDbTables,
    private readonly options: MariaDbFixtureOptions,
  ) {
    this.outbox = this.store();
    this.inbox = this.outbox.inbox;
    this.ambient = new Transactions(dataSource, { strictWrites: 'throw' });
  }

  static async start(options: MariaDbFixtureOptions = {}): Promise<MariaDbFixture> {
    const { settings = {} } = options;
    const started = await findMariaDb({ install: true, settings });
    const url = await started.createDatabase();
    const dataSource = await new DataSource({
      type: options.type ?? 'mariadb',
      url,
      migrations: mariaDbMigrations(options),
      ...(options.poolSize !== undefined && { poolSize: options.poolSize }),
    }).initialize();
    await dataSource.runMigrations();
    return new MariaDbFixture(started, url, dataSource, tables(options), options);
  }

  /** Another store on the same tables. */
  store(): MariaDbStore {
    return new MariaDbStore({ ...this.options, pool: poolFrom(this.dataSource, { max: 8 }) });
  }

  /** Run again if they lost against another one, as inbox and receipts do it. */
  readonly transactions = {
    run: <T>(work: (tx: EntityManager) => Promise<T>): Promise<T> => {
      const { isolation = 'READ COMMITTED' } = this.options;
      return retryingConflicts(mysqlFaults, () => this.ambient.run(work, { propagation: 'new', isolation }));
    },
  };

  async stop(): Promise<void> {
    await this.ambient.onApplicationShutdown();
    await this.outbox.end();
    await this.dataSource.destroy();
    await this.server.dropDatabase(this.url);
    await this.server.stop();
  }

  async empty(): Promise<void> {
    const { message, delivery, turn, inbox, followUp, handler, audit, pause, job } = this.tables;
    for (const table of [message, delivery, turn, inbox, followUp, handler, audit, pause, job])
      await this.dataSource.query(`delete from ${table}`);
  }

  /** Time passes for rows when their timestamps move into the past. */
  async advance(ms: number): Promise<void> {
    const { message, delivery, turn, inbox, job } = this.tables;
    const earlier = (table: string, ...columns: string[]): Promise<unknown> => {
      const set = columns.map((column) => `${column} = ${column} - interval ${Math.round(ms * 1000)} microsecond`);
      return this.dataSource.query(`update ${table} set ${set.join(', ')}`);
    };
    await earlier(message, 'created_at');
    await earlier(delivery, 'next_at', 'deadline_at', 'give_up_at', 'sent_at', 'settled_at');
    await earlier(turn, 'drawn_at');
    await earlier(inbox, 'received_at');
    await earlier(job, 'leased_until', 'started_at');
  }
}
