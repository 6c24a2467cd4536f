import { createHash } from 'node:crypto';
import { SchemaMismatchError } from '../../errors';
import { askedOnce, checkVersion } from '../boot-checks';
import type { Database } from './database';
import { errnoOf } from './failure';
import { question } from './question';
import { SCHEMA_VERSION } from './schema';
import { type MariaDbTableOptions, type MariaDbTables, tables } from './tables';

const HOW_TO_MIGRATE =
  "Put ...mariaDbMigrations({ schema, prefix }) into the DataSource's `migrations` and run " +
  '`npx typeorm migration:run -d <data-source>`, or apply the text of mariaDbSchemaSql().';

/**
 * The tables, qualified by the database they are in: asked once, of the library's own session. The application's sessions may
 * be in another one (`use`); what is recorded there must be where the relay looks.
 * @throws InvalidOptionsError at once, if a name is not on the allow-list
 */
export function located(database: Database, options: MariaDbTableOptions): () => Promise<MariaDbTables> {
  const named = tables(options);
  if (options.schema !== undefined) return () => Promise.resolve(named);
  return askedOnce(async () => {
    const { rows } = await database.run(question('outbox.where-is', 'select database() as home'));
    const { home } = rows[0]!;
    if (home == null) throw new SchemaMismatchError('The DataSource names no database, and the outbox no `schema`.');
    return tables(options, home);
  });
}

/** @throws SchemaMismatchError that says which command to run */
export async function checkSchema(database: Database, t: MariaDbTables): Promise<void> {
  checkVersion(await versionOf(database, t), SCHEMA_VERSION, { migrate: HOW_TO_MIGRATE });
}

const NO_SUCH_TABLE = 1146;

async function versionOf(database: Database, t: MariaDbTables): Promise<number> {
  const asked = question('outbox.schema-version', `select coalesce(max(v.version), 0) as version from ${t.version} v`);
  try {
    return Number((await database.run(asked)).rows[0]!.version);
  } catch (error) {
    if (errnoOf(error) !== NO_SUCH_TABLE) throw error;
    throw new SchemaMismatchError(`The table ${t.version} does not exist. ${HOW_TO_MIGRATE}`, { cause: error });
  }
}

/** Of what the migration wrote down when it first ran, which is the same on replicas. */
export async function fingerprint(database: Database, t: MariaDbTables): Promise<string | undefined> {
  const asked = question('outbox.installation', `select v.installation from ${t.version} v where v.version = 1`);
  const [row] = (await database.run(asked)).rows;
  return row && createHash('md5').update(row.installation!).digest('hex').slice(0, 8);
}

/** What about this server could lose an acknowledged commit, or stands in the library's way; as sentences. */
export async function checkDurability(database: Database): Promise<string[]> {
  const asked = question(
    'outbox.durability',
    `select @@innodb_flush_log_at_trx_commit as flush, @@global.sync_binlog as sync_binlog, @@log_bin as log_bin,
  @@innodb_doublewrite as doublewrite, @@global.read_only as read_only, @@global.sql_mode as sql_mode`,
  );
  const row = (await database.run(asked)).rows[0]!;
  return [
    row.flush !== '1' &&
      `innodb_flush_log_at_trx_commit is ${row.flush}: a crash loses commits that were acknowledged, with messages that were ` +
        'already sent. Set innodb_flush_log_at_trx_commit = 1.',
    row.log_bin === '1' &&
      row.sync_binlog !== '1' &&
      `sync_binlog is ${row.sync_binlog}: after a crash replicas may lack what was acknowledged. Set sync_binlog = 1.`,
    OFF.includes(row.doublewrite!) &&
      'innodb_doublewrite is off: a crash can leave torn pages behind. Set innodb_doublewrite = 1.',
    row.read_only !== '0' && 'this server is read-only: the outbox needs the primary. Check host and port.',
    !/STRICT_(ALL|TRANS)_TABLES/.test(row.sql_mode!) &&
      'sql_mode is not strict: what the application writes is cut where it is too long, in silence. Add STRICT_TRANS_TABLES.',
  ].filter((warning) => warning !== false);
}

const OFF: readonly string[] = ['0', 'OFF'];
