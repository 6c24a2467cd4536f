import { SchemaMismatchError } from '../../errors';
import { askedOnce, checkVersion } from '../boot-checks';
import { columnProblems, COLUMNS, layouts } from './columns';
import { type Database, sqlState, type Statement } from './database';
import { SCHEMA_VERSION } from './schema';
import { type TableOptions, type Tables, tables } from './tables';

const HOW_TO_MIGRATE =
  "Put ...OUTBOX_MIGRATIONS (or outboxMigrations({ schema, prefix })) into the DataSource's `migrations` and run " +
  '`npx typeorm migration:run -d <data-source>`, or apply the text of outboxSchemaSql() with psql.';

const HOW_TO_REVERT = 'revert with `npx typeorm migration:revert -d <data-source>` using that newer release';

/**
 * The tables, qualified by the schema they are in: asked once, of the library's own session. The application's sessions
 * may look elsewhere, with a `search_path` per tenant for example; what is recorded there must be where the relay looks.
 * @throws SchemaMismatchError if they are not found; the next call looks again
 */
export function located(database: Database, options: TableOptions): () => Promise<Tables> {
  return askedOnce(async () => {
    const t = tables(options);
    const { rows } = await database.run(WHERE_IS, [t.version]);
    if (rows[0] === undefined) {
      throw new SchemaMismatchError(`The table ${t.version} does not exist in this database. ${HOW_TO_MIGRATE}`);
    }
    return tables(options, rows[0].schema!);
  });
}

/** @throws SchemaMismatchError that says which command to run */
export async function checkSchema(database: Database, t: Tables): Promise<void> {
  const { rows } = await database.run(
    plain('outbox.schema-version', `select coalesce(max(version), 0) as version from ${t.version}`),
    [],
  );
  checkVersion(Number(rows[0]!.version), SCHEMA_VERSION, { migrate: HOW_TO_MIGRATE, revert: HOW_TO_REVERT });
  await checkColumns(database, t);
}

/** `create table if not exists` is content with anything of that name: a hand-written outbox, say, that is to be replaced. */
async function checkColumns(database: Database, t: Tables): Promise<void> {
  const expected = layouts(t);
  const { rows } = await database.run(plain('outbox.columns', COLUMNS), [expected.map(({ table }) => table)]);
  const problems = expected.flatMap((layout) => columnProblems(layout, rows));
  if (problems.length === 0) return;
  throw new SchemaMismatchError(
    `The tables are not those of this library: ${problems.join('; ')}. If they belong to something else, give the outbox ` +
      "names of its own: `tables: { prefix: 'tallystick_' }` in the options of OutboxModule, and " +
      "outboxMigrations({ prefix: 'tallystick_' }). If they are of an older draft, drop them and migrate again.",
  );
}

const WHERE_IS = plain(
  'outbox.where-is',
  'select nspname as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)',
);

/**
 * Of the cluster's identifier, which its replicas share, and the database's in it. It is for people to look at: a server
 * that does not tell (some hosts do not let everybody ask) must not stop a boot.
 */
export async function fingerprint(database: Database): Promise<string | undefined> {
  try {
    const { rows } = await database.run(FINGERPRINT, []);
    return rows[0]!.fingerprint!;
  } catch (error) {
    if (sqlState(error) === undefined) throw error;
    return undefined;
  }
}

const FINGERPRINT = plain(
  'outbox.fingerprint',
  `
select left(md5(concat_ws('.', system_identifier, d.oid)), 8) as fingerprint
from pg_control_system(), pg_database d
where d.datname = current_database()`,
);

export async function checkDurability(database: Database): Promise<string[]> {
  const { rows } = await database.run(
    plain(
      'outbox.durability',
      `
select current_setting('fsync') as fsync,
  current_setting('full_page_writes') as full_page_writes,
  current_setting('synchronous_commit') as synchronous_commit,
  pg_is_in_recovery()::text as replica`,
    ),
    [],
  );
  const { fsync, full_page_writes, synchronous_commit, replica } = rows[0]!;
  return [
    fsync === 'off' && 'fsync is off: a crash of the machine can corrupt the database. Set fsync = on.',
    full_page_writes === 'off' &&
      'full_page_writes is off: a crash can leave torn pages behind. Set full_page_writes = on.',
    synchronous_commit === 'off' &&
      'synchronous_commit is off: a crash loses commits that were acknowledged, with messages that were already sent. ' +
        'Set synchronous_commit = on for this role: alter role … set synchronous_commit = on.',
    replica === 'true' &&
      'this server is a read-only replica (pg_is_in_recovery): the outbox needs the primary. Check host and port.',
  ].filter((warning) => warning !== false);
}

function plain(name: string, text: string): Statement<readonly unknown[]> {
  return { name, text: `${text.trim()} -- ${name}`, prepared: 'none', values: (values) => values };
}
