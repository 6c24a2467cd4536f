import { connectTestPostgres, testDatabase, testDatabasesArePooled } from '@tallystick/services';
import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { Transactions } from '../../transactions';
import { clientOfThisProject } from './client/client.fixture';
import { outboxMigrations, poolFrom, PostgresStore, type TableOptions } from './index';
import { type Tables, tables } from './tables';

export interface FixtureOptions extends TableOptions {
  /** @default true, except behind a pooler */
  namedStatements?: boolean;
  /** The store connects as a role that may read and write rows, and nothing else. */
  rowsOnly?: boolean;
  /** The same, and these are the role's settings, e.g. `{ default_transaction_isolation: 'serializable' }`. */
  settings?: RoleSettings;
  /** Past the pooler, if there is one: for tests that look at sessions. */
  direct?: boolean;
}

export type RoleSettings = Readonly<Record<string, string>>;

/** A PostgreSQL store in a database of its own, migrated, with everything a test needs to look behind it. */
export class PostgresFixture {
  readonly outbox: PostgresStore;
  readonly inbox: PostgresStore['inbox'];
  readonly transactions: Transactions;

  private constructor(
    readonly url: string,
    readonly owner: DataSource,
    readonly dataSource: DataSource,
    readonly pool: Pool,
    readonly tables: Tables,
    private readonly options: FixtureOptions,
  ) {
    this.outbox = this.store(pool);
    this.inbox = this.outbox.inbox;
    this.transactions = new Transactions(dataSource, { strictWrites: 'throw' });
  }

  static async start(options: FixtureOptions = {}): Promise<PostgresFixture> {
    const url = options.direct ? await connectTestPostgres().createDatabase() : await testDatabase('outbox');
    const connect = (as: string): Promise<DataSource> =>
      new DataSource({
        type: 'postgres',
        url: as,
        connectTimeoutMS: 5000,
        extra: clientOfThisProject(),
        migrations: outboxMigrations(options),
      }).initialize();
    const owner = await connect(url);
    if (options.schema) await owner.query(`create schema "${options.schema}"`);
    await owner.runMigrations();
    const names = tables(options);
    const asRole = options.rowsOnly || options.settings;
    const dataSource = asRole ? await connect(await rowsOnlyRole(owner, url, names, options)) : owner;
    return new PostgresFixture(url, owner, dataSource, poolFrom(dataSource, { max: 8 }), names, options);
  }

  /** Another store on the same tables. */
  store(pool: Pool): PostgresStore {
    const namedStatements = this.options.direct || !testDatabasesArePooled();
    return new PostgresStore({ namedStatements, ...this.options, pool });
  }

  /** A url of this database for a role with settings of its own, that may read and write rows. */
  urlWith(settings: RoleSettings): Promise<string> {
    return rowsOnlyRole(this.owner, this.url, this.tables, { ...this.options, settings });
  }

  async stop(): Promise<void> {
    await this.transactions.onApplicationShutdown();
    await this.pool.end();
    if (this.dataSource !== this.owner) await this.dataSource.destroy();
    await this.owner.destroy();
    await connectTestPostgres().dropDatabase(this.url);
  }

  async empty(): Promise<void> {
    const { message, delivery, history, inbox, followUp, handler, audit, pause, job } = this.tables;
    const all = [message, delivery, history, inbox, followUp, handler, audit, pause, job];
    await this.owner.query(`truncate ${all.join(', ')}`);
  }

  /** Time passes for rows when their timestamps move into the past. */
  async advance(ms: number): Promise<void> {
    const { message, delivery, inbox, job } = this.tables;
    const earlier = (...columns: string[]): string =>
      columns.map((column) => `${column} = ${column} - ${ms} * interval '1 ms'`).join(', ');
    await this.owner.query(`update ${message} set ${earlier('created_at')}`);
    await this.owner.query(
      `update ${delivery} set ${earlier('next_at', 'deadline_at', 'give_up_at', 'sent_at', 'settled_at')}`,
    );
    await this.owner.query(`update ${inbox} set ${earlier('received_at')}`);
    await this.owner.query(`update ${job} set ${earlier('leased_until', 'started_at')}`);
  }
}

/** What an operator should grant to the role of a service. @returns a url that connects as such a role */
async function rowsOnlyRole(
  owner: DataSource,
  url: string,
  { message, delivery, history, inbox, followUp, handler, audit, pause, job, version, order }: Tables,
  { schema = 'public', settings = {} }: FixtureOptions,
): Promise<string> {
  const asRole = await urlOfRole(owner, url, settings);
  const { username: role } = new URL(asRole);
  await owner.query(`grant usage on schema "${schema}" to ${role}`);
  const rows = [message, delivery, history, inbox, pause, job];
  await owner.query(`grant select, insert, update, delete on ${rows.join(', ')} to ${role}`);
  await owner.query(`grant select, insert on ${followUp}, ${handler}, ${audit} to ${role}`);
  await owner.query(`grant select on ${version} to ${role}`);
  await owner.query(`grant usage on sequence ${order} to ${role}`);
  return asRole;
}

/**
 * A role with settings of its own, which is how an operator sets them, and the way that also works behind a pooler.
 * @returns a url that connects as this role
 */
export async function urlOfRole(owner: DataSource, url: string, settings: RoleSettings): Promise<string> {
  const role = `role_${randomBytes(4).toString('hex')}`;
  await owner.query(`create role ${role} login`);
  for (const [name, value] of Object.entries(settings))
    await owner.query(`alter role ${role} set ${name} = '${value}'`);
  const asRole = new URL(url);
  asRole.username = role;
  return asRole.href;
}
