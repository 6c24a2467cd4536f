import { SchemaMismatchError } from '../../errors';
import type { Database, Statement } from './database';
import { SCHEMA_VERSION } from './schema';
import type { Tables } from './tables';

const HOW_TO_MIGRATE =
  "Put ...OUTBOX_MIGRATIONS (or outboxMigrations({ schema, prefix })) into the DataSource's `migrations` and run " +
  '`npx typeorm migration:run -d <data-source>`, or apply the text of outboxSchemaSql() with psql.';

/** @throws SchemaMismatchError that says which command to run */
export async function checkSchema(database: Database, t: Tables): Promise<void> {
  const { rows: found } = await database.run(plain('outbox.schema-exists', 'select to_regclass($1)::text as found'), [
    t.version,
  ]);
  if (found[0]?.found == null) {
    throw new SchemaMismatchError(`The table ${t.version} does not exist in this database. ${HOW_TO_MIGRATE}`);
  }
  const { rows } = await database.run(
    plain('outbox.schema-version', `select coalesce(max(version), 0) as version from ${t.version}`),
    [],
  );
  const version = Number(rows[0]!.version);
  if (version < SCHEMA_VERSION) {
    throw new SchemaMismatchError(
      `The outbox tables are at version ${version}; this library needs ${SCHEMA_VERSION}. ${HOW_TO_MIGRATE}`,
    );
  }
  if (version > SCHEMA_VERSION) {
    throw new SchemaMismatchError(
      `The outbox tables are at version ${version}; this library knows ${SCHEMA_VERSION}. A newer release has migrated ` +
        'them: run `npm install @tallystick/outbox@latest`, or revert with `npx typeorm migration:revert -d <data-source>` ' +
        'using that newer release.',
    );
  }
}

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

function plain(name: string, text: string): Statement {
  return { name, text: `${text.trim()} -- ${name}`, prepared: 'none' };
}
