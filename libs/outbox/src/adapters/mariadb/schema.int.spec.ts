import { findMariaDb, type MariaDbDatabaseServer } from '@tallystick/services';
import { DataSource } from 'typeorm';
import { SchemaMismatchError } from '../../errors';
import { openOutbox } from '../../passive';
import { CONSUMER, newMessage } from '../../testing/store-contract-scenario';
import { errnoOf } from './failure';
import { mariadb } from './mariadb-factory';
import { MariaDbStore } from './mariadb-store';
import { mariaDbMigrations } from './migrations';
import { poolFrom } from './pool';
import { mariaDbSchemaSql } from './schema';
import { tables } from './tables';

/** A CHECK that is not true: MariaDB's number, and MySQL's. */
const CHECK_FAILED = [4025, 3819];

describe('The tables in MariaDB', () => {
  let server: MariaDbDatabaseServer;
  const open: { end(): Promise<void> }[] = [];

  beforeAll(async () => {
    server = await findMariaDb({ install: true });
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    for (const each of open.splice(0)) await each.end();
  });

  async function empty(options: { prefix?: string } = {}): Promise<DataSource> {
    const url = await server.createDatabase();
    const source = await new DataSource({ type: 'mariadb', url, migrations: mariaDbMigrations(options) }).initialize();
    open.push({ end: () => source.destroy() });
    return source;
  }

  function storeOf(source: DataSource): MariaDbStore {
    const store = new MariaDbStore({ pool: poolFrom(source, { max: 2 }) });
    open.push(store);
    return store;
  }

  async function description(source: DataSource): Promise<unknown> {
    const names = (await source.query('show tables')) as Record<string, string>[];
    const created = names
      .map((row) => Object.values(row)[0]!)
      .filter((name) => name !== 'migrations')
      .map(async (name) => {
        const [row] = (await source.query(`show create table \`${name}\``)) as Record<string, string>[];
        return row!['Create Table']!.replace(/ AUTO_INCREMENT=\d+/, '');
      });
    return Promise.all(created);
  }

  async function runText(source: DataSource): Promise<void> {
    const mysql = !(await server.version()).includes('MariaDB');
    for (const statement of mariaDbSchemaSql({ server: mysql ? 'mysql' : 'mariadb' }).split(/;\n/))
      if (statement.trim()) await source.query(statement);
  }

  it('are the same by migrations and by plain SQL, which may be run again', async () => {
    const [migrated, written] = [await empty(), await empty()];
    await migrated.runMigrations();
    await runText(written);
    const before = await storeOf(written).fingerprint();
    await runText(written);
    expect(await description(written)).toEqual(await description(migrated));
    expect(await storeOf(written).fingerprint()).toBe(before);
    expect(await storeOf(migrated).fingerprint()).not.toBe(before);
  });

  it('go with the migration, and two sets of them live in one database', async () => {
    const source = await empty();
    await source.runMigrations();
    const second = await new DataSource({
      ...{ type: 'mariadb', url: `${server.url(source.driver.database!)}` },
      migrations: mariaDbMigrations({ prefix: 'billing_' }),
    } as never).initialize();
    open.push({ end: () => second.destroy() });
    await second.runMigrations();
    await second.undoLastMigration();
    await expect(storeOf(source).checkSchema()).resolves.toBeUndefined();
    expect(JSON.stringify(await description(source))).not.toContain('billing_');
    await source.undoLastMigration();
    expect(await description(source)).toEqual([]);
  });

  it('refuse a row that may not be, whoever writes it', async () => {
    const source = await empty();
    await source.runMigrations();
    const store = storeOf(source);
    const message = newMessage({ delayMs: 60_000 });
    await source.transaction((tx) => store.add(tx, [message]));
    const { delivery } = tables();
    for (const change of [
      'next_at = null',
      "state = 'completed'",
      "state = 'lost'",
      "verdict = 'accepted'",
      'settled_at = utc_timestamp(6)',
      "state = 'parked', lease_token = message_id, next_at = null",
      "follow_up = 'some'",
    ]) {
      const failure = await source.query(`update ${delivery} set ${change}`).catch((error: unknown) => error);
      expect([change, CHECK_FAILED.includes(errnoOf(failure)!)]).toEqual([change, true]);
    }
    expect(await store.find(message.id)).toMatchObject([{ state: 'pending', consumer: CONSUMER }]);
  });

  it('are asked for with the command that makes them, if they are not there or of another version', async () => {
    const source = await empty();
    const store = storeOf(source);
    await expect(store.checkSchema()).rejects.toThrow(SchemaMismatchError);
    await expect(store.checkSchema()).rejects.toThrow(/mariaDbMigrations/);
    await source.runMigrations();
    await source.query(`update ${tables().version} set version = 7`);
    await expect(store.checkSchema()).rejects.toThrow(/version 7; this library knows 1/);
  });

  it('tell texts apart by every character, and times by every microsecond', async () => {
    const source = await empty();
    await source.runMigrations();
    const columns = (await source.query(
      `select table_name as t, column_name as c, collation_name as collation, data_type as type, datetime_precision as digits
       from information_schema.columns where table_schema = database() and table_name <> 'migrations'`,
    )) as { t: string; c: string; collation: string | null; type: string; digits: string | null }[];
    const collations = new Set(columns.map(({ collation }) => collation).filter((name) => name !== null));
    const names = (await server.version()).includes('MariaDB') ? 'utf8mb4_nopad_bin' : 'utf8mb4_0900_bin';
    expect([...collations].sort()).toEqual(['ascii_bin', names].sort());
    const times = columns.filter(({ type }) => /date|time/.test(type));
    expect(new Set(times.map(({ type, digits }) => `${type}(${digits})`))).toEqual(new Set(['datetime(6)']));
  });

  it('are enough for a tool that has nothing but a url', async () => {
    const url = await server.createDatabase();
    const source = await new DataSource({ type: 'mariadb', url, migrations: mariaDbMigrations() }).initialize();
    open.push({ end: () => source.destroy() });
    await source.runMigrations();
    const message = newMessage({ delayMs: 60_000 });
    await source.transaction((tx) => storeOf(source).add(tx, [message]));
    const tool = await openOutbox({ url, store: mariadb() });
    open.push({ end: () => tool.close() });
    expect(tool.service).toBe(message.source);
    expect(await tool.operations.find('state:pending')).toMatchObject([{ messageId: message.id }]);
  });

  it('warns of a server that can lose what it has acknowledged', async () => {
    const source = await empty();
    await source.runMigrations();
    const store = storeOf(source);
    expect(await store.checkDurability()).toEqual([]);
    await source.query('set global innodb_flush_log_at_trx_commit = 2');
    try {
      expect(await store.checkDurability()).toEqual([expect.stringMatching(/^innodb_flush_log_at_trx_commit is 2/)]);
    } finally {
      await source.query('set global innodb_flush_log_at_trx_commit = 1');
    }
  });
});
