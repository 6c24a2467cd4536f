import { connectTestPostgres, testDatabase } from '@tallystick/services';
import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { Transactions } from '../../transactions';
import { outboxMigrations, poolFrom, PostgresStore, type TableOptions } from './index';
import { type Tables, tables } from './tables';

export interface FixtureOptions extends TableOptions {
  namedStatements?: boolean;
  /** The store connects as a role that may read and write rows, and nothing else. */
  rowsOnly?: boolean;
}

/** A PostgreSQL store in a database of its own, migrated, with everything a test needs to look behind it. */
export class PostgresFixture {
  readonly outbox: PostgresStore;
  readonly inbox: PostgresStore;
  readonly transactions: Transactions;

  private constructor(
    readonly url: string,
    readonly owner: DataSource,
    readonly dataSource: DataSource,
    readonly pool: Pool,
    readonly tables: Tables,
    options: FixtureOptions,
  ) {
    this.outbox = this.inbox = new PostgresStore({ ...options, pool });
    this.transactions = new Transactions(dataSource, { strictWrites: 'throw' });
  }

  static async start(options: FixtureOptions = {}): Promise<PostgresFixture> {
    const url = await testDatabase('outbox');
    const connect = (as: string): Promise<DataSource> =>
      new DataSource({
        type: 'postgres',
        url: as,
        connectTimeoutMS: 5000,
        migrations: outboxMigrations(options),
      }).initialize();
    const owner = await connect(url);
    if (options.schema) await owner.query(`create schema "${options.schema}"`);
    await owner.runMigrations();
    const names = tables(options);
    const dataSource = options.rowsOnly ? await connect(await rowsOnlyRole(owner, url, names, options.schema)) : owner;
    return new PostgresFixture(url, owner, dataSource, poolFrom(dataSource, { max: 8 }), names, options);
  }

  async stop(): Promise<void> {
    this.transactions.onApplicationShutdown();
    await this.pool.end();
    if (this.dataSource !== this.owner) await this.dataSource.destroy();
    await this.owner.destroy();
    await connectTestPostgres().dropDatabase(this.url);
  }

  async empty(): Promise<void> {
    const { message, delivery, inbox } = this.tables;
    await this.owner.query(`truncate ${message}, ${delivery}, ${inbox}`);
  }

  /** Time passes for rows when their timestamps move into the past. */
  async advance(ms: number): Promise<void> {
    const { message, delivery, inbox } = this.tables;
    const earlier = (...columns: string[]): string =>
      columns.map((column) => `${column} = ${column} - ${ms} * interval '1 ms'`).join(', ');
    await this.owner.query(`update ${message} set ${earlier('created_at')}`);
    await this.owner.query(
      `update ${delivery} set ${earlier('next_at', 'deadline_at', 'give_up_at', 'sent_at', 'settled_at')}`,
    );
    await this.owner.query(`update ${inbox} set ${earlier('received_at')}`);
  }
}

/** What an operator should grant to the role of a service. @returns a url that connects as such a role */
async function rowsOnlyRole(owner: DataSource, url: string, names: Tables, schema = 'public'): Promise<string> {
  const role = `rows_only_${randomBytes(4).toString('hex')}`;
  const { message, delivery, inbox, version } = names;
  await owner.query(`create role ${role} login`);
  await owner.query(`grant usage on schema "${schema}" to ${role}`);
  await owner.query(`grant select, insert, update, delete on ${message}, ${delivery}, ${inbox} to ${role}`);
  await owner.query(`grant select on ${version} to ${role}`);
  const asRole = new URL(url);
  asRole.username = role;
  return asRole.href;
}
