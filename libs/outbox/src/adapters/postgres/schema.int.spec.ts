import { testDatabase } from '@tallystick/services';
import { DataSource } from 'typeorm';
import { SchemaMismatchError } from '../../errors';
import { newMessage } from '../../testing/store-contract-scenario';
import {
  outboxMigrations,
  OUTBOX_MIGRATIONS,
  outboxSchemaSql,
  poolFrom,
  PostgresStore,
  type TableOptions,
} from './index';
import { urlOfRole } from './postgres.fixture';
import { SCHEMA_VERSION } from './schema';

describe('The tables of the outbox', () => {
  const open: DataSource[] = [];
  afterEach(async () => {
    for (const dataSource of open.splice(0)) await dataSource.destroy();
  });

  const database = async (migrations = [...OUTBOX_MIGRATIONS]): Promise<DataSource> => {
    const dataSource = new DataSource({ type: 'postgres', url: await testDatabase('schema'), migrations });
    open.push(await dataSource.initialize());
    return dataSource;
  };
  const withStore = async <T>(
    dataSource: DataSource,
    options: TableOptions & { url?: string },
    work: (store: PostgresStore) => Promise<T>,
  ): Promise<T> => {
    const { url } = { ...(dataSource.options as { url: string }), ...options };
    const pool = poolFrom(new DataSource({ type: 'postgres', url }), { max: 1 });
    try {
      return await work(new PostgresStore({ ...options, pool, namedStatements: false }));
    } finally {
      await pool.end();
    }
  };
  const checkSchema = (dataSource: DataSource, options: TableOptions = {}): Promise<void> =>
    withStore(dataSource, options, (store) => store.checkSchema());

  it('are created by the migrations, once, and dropped by reverting them', async () => {
    const dataSource = await database();
    expect(await dataSource.runMigrations()).toHaveLength(1);
    expect(await dataSource.runMigrations()).toHaveLength(0);
    await checkSchema(dataSource);
    await dataSource.undoLastMigration();
    expect(await describeTables(dataSource)).toEqual([]);
    await dataSource.runMigrations();
    await checkSchema(dataSource);
  });

  it.each([
    [
      'outbox_message of another library',
      'create table outbox_message (id bigserial primary key, topic text not null, body jsonb not null)',
      /outbox_message"\.aggregatetype is missing.*outbox_message"\.topic is not ours.*prefix/s,
    ],
    [
      'inbox_message of another library',
      'create table inbox_message (id uuid primary key, received_at timestamptz)',
      /inbox_message"\.consumer is missing.*primary key of \S+inbox_message" is id and should be \(consumer, message_id, source\)/s,
    ],
    [
      'payloads that PostgreSQL would write anew',
      `create table outbox_message (id uuid primary key, aggregatetype varchar(255) not null, aggregateid varchar(255) not null,
        type varchar(255) not null, payload jsonb not null, headers json, created_at timestamptz default now())`,
      /payload is jsonb and should be json.*|aggregateid must not be null/s,
    ],
  ])('are not taken for granted: %s', async (_, existing, said) => {
    const dataSource = await database();
    await dataSource.query(existing);
    const migratedAndChecked = async (): Promise<void> => {
      await dataSource.runMigrations();
      await checkSchema(dataSource);
    };
    await expect(migratedAndChecked()).rejects.toThrow(said);
  });

  it('may have columns more, if these may be left out, and longer texts', async () => {
    const dataSource = await database();
    await dataSource.runMigrations();
    await dataSource.query(`alter table outbox_message add column tenant text, add column shard int not null default 0;
      alter table outbox_message alter column type type text`);
    await checkSchema(dataSource);
  });

  it('are the same when they come from the plain SQL, which may be run again', async () => {
    const migrated = await database();
    await migrated.runMigrations();
    const scripted = await database();
    await scripted.query(outboxSchemaSql());
    // Some tools know nothing of SQL but its semicolons.
    for (const statement of outboxSchemaSql().trim().split(';')) await scripted.query(statement);
    await checkSchema(scripted);
    const tables = await describeTables(scripted);
    expect(tables).toEqual(await describeTables(migrated));
    expect(tables.length).toBeGreaterThan(50);
  });

  it('have a name of our own for every index and constraint', async () => {
    const dataSource = await database();
    await dataSource.query(outboxSchemaSql());
    const generated: unknown = await dataSource.query(
      `select conname from pg_constraint join pg_class on conrelid = pg_class.oid
       where relname in ('outbox_message', 'outbox_delivery', 'inbox_message', 'outbox_schema') and contype <> 'n'
         and conname ~ '(_check|_key|_fkey)\\d*$'`,
    );
    expect(generated).toEqual([]);
  });

  it('say which rows may be, in a function; who does not want it asked at every write leaves the constraint out', async () => {
    const lost = `insert into outbox_delivery (message_id, consumer, state, attempts, follow_up)
      values (gen_random_uuid(), 'order-service', 'lost', 0, 'none')`;
    const checked = await database();
    await checked.query(outboxSchemaSql());
    await expect(checked.query(lost)).rejects.toThrow('outbox_delivery_legal');

    const unchecked = await database(outboxMigrations({ rowCheck: false }));
    await unchecked.runMigrations();
    await checkSchema(unchecked);
    await unchecked.query(lost);
    const illegal: unknown = await unchecked.query(`select state from outbox_delivery
      where not outbox_delivery_is_legal(state, verdict, follow_up, next_at, lease_token, settled_at)`);
    expect(illegal).toEqual([{ state: 'lost' }]);

    await unchecked.undoLastMigration();
    const [left] = await unchecked.query(`select count(*)::int as functions from pg_proc where proname like 'outbox%'`);
    expect(left).toEqual({ functions: 0 });
  });

  it('can be several sets in one database, also with names that only just fit', async () => {
    const sets: TableOptions[] = [
      {},
      { prefix: 'select' },
      { prefix: 'x'.repeat(49) },
      { schema: 'Shop', prefix: 'x'.repeat(48) },
    ];
    const dataSource = await database(sets.flatMap((options) => outboxMigrations(options)));
    await dataSource.query('create schema "Shop"');
    expect(await dataSource.runMigrations()).toHaveLength(sets.length);
    for (const options of sets) {
      await checkSchema(dataSource, options);
      const [added] = await withStore(dataSource, options, (store) =>
        dataSource.transaction((tx) => store.add(tx, [newMessage()])),
      );
      expect(added).toBeDefined();
    }
  });

  it('are missed with the command that creates them', async () => {
    const check = checkSchema(await database());
    await expect(check).rejects.toThrow(SchemaMismatchError);
    await expect(check).rejects.toThrow(/"outbox_schema" does not exist[\s\S]*typeorm migration:run/);
  });

  it.each([
    ['older', 0, /at version 0; this library needs 1[\s\S]*typeorm migration:run/],
    ['newer', SCHEMA_VERSION + 1, /at version 2; this library knows 1[\s\S]*npm install/],
  ])('are refused when they are %s', async (_, version, message) => {
    const dataSource = await database();
    await dataSource.runMigrations();
    await dataSource.query('delete from outbox_schema');
    if (version > 0) await dataSource.query('insert into outbox_schema (version) values ($1)', [version]);
    await expect(checkSchema(dataSource)).rejects.toThrow(message);
  });

  it('warn of a server that forgets commits', async () => {
    const dataSource = await database();
    const url = await urlOfRole(dataSource, (dataSource.options as { url: string }).url, { synchronous_commit: 'off' });
    const warnings = await withStore(dataSource, { url }, (store) => store.checkDurability());
    expect(warnings).toEqual([expect.stringMatching(/^synchronous_commit is off/)]);
  });

  it('are told from those of another database by a fingerprint, whoever asks', async () => {
    const [mine, theirs] = [await database(), await database()];
    const ask = (dataSource: DataSource, url?: string): Promise<string | undefined> =>
      withStore(dataSource, url === undefined ? {} : { url }, (store) => store.fingerprint());
    const asRole = await urlOfRole(mine, (mine.options as { url: string }).url, {});
    expect(await ask(mine)).toMatch(/^[0-9a-f]{8}$/);
    expect(await ask(mine, asRole)).toBe(await ask(mine));
    expect(await ask(theirs)).not.toBe(await ask(mine));
  });

  it('have no fingerprint where the server does not tell, which stops nobody', async () => {
    const dataSource = await database();
    await dataSource.query('revoke execute on function pg_control_system() from public');
    const url = await urlOfRole(dataSource, (dataSource.options as { url: string }).url, {});
    expect(await withStore(dataSource, { url }, (store) => store.fingerprint())).toBeUndefined();
  });
});

/** Every column, constraint, index, storage parameter and function, as PostgreSQL would write it. */
async function describeTables(dataSource: DataSource): Promise<string[]> {
  const rows: { line: string }[] = await dataSource.query(`
    with ours as (
      select oid, relname, reloptions
      from pg_class
      where relname in ('outbox_message', 'outbox_delivery', 'inbox_message', 'outbox_schema')
    )
    select format('%s.%s %s %s %s', relname, attname, format_type(atttypid, atttypmod), attnotnull, collname) as line
    from ours join pg_attribute a on attrelid = ours.oid left join pg_collation c on c.oid = attcollation
    where attnum > 0
    union all
    select format('%s %s %s', relname, conname, pg_get_constraintdef(c.oid)) from ours join pg_constraint c on conrelid = ours.oid
    union all
    select format('%s %s', relname, pg_get_indexdef(indexrelid)) from ours join pg_index on indrelid = ours.oid
    union all
    select format('%s %s', relname, reloptions) from ours
    union all
    select format('%s %s', proname, pg_get_functiondef(oid)) from pg_proc where proname = 'outbox_delivery_is_legal'
    union all
    select format('%s %s', relname, pg_get_expr(adbin, adrelid)) from ours join pg_attrdef on adrelid = ours.oid
    order by line`);
  return rows.map(({ line }) => line);
}
