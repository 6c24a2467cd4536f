import { outboxSchemaSql, outboxTables, type TableOptions } from '@tallystick/outbox';
import type { Client } from 'pg';
import { type Check, type Finding, note, unknown, wrong } from '../../doctor/check';
import type { DatabaseContext } from '../../doctor/database-context';
import { connected } from './read-only';

/** Are the tables as this version of the library makes them? */
export const SCHEMA_CHECKS: readonly Check<DatabaseContext>[] = [{ name: 'schema', of: schema }];

interface Part {
  readonly kind: 'table' | 'column' | 'index' | 'constraint' | 'setting' | 'function';
  readonly name: string;
  readonly definition: string;
}

/**
 * The expectation is made by PostgreSQL itself: the tables are created as temporary ones, in a transaction that is rolled back,
 * and the catalogs are compared. So it takes no list of what there should be, and the definitions are written alike.
 */
function schema({ url, options }: DatabaseContext): Promise<Finding[]> {
  return connected(url, 'doctor', (client) => schemaOf(client, options));
}

async function schemaOf(client: Client, options: TableOptions): Promise<Finding[]> {
  const tables = outboxTables(options);
  const { rows } = await client.query<{ home: string | null }>(
    'select relnamespace::regnamespace::text as home from pg_class where oid = to_regclass($1)',
    [tables.version],
  );
  const home = rows[0]?.home;
  if (!home) {
    return [
      wrong(
        `There is no table ${tables.version} in this database.`,
        'Run: tallystick migrate; or check --schema and --prefix.',
      ),
    ];
  }
  const { prefix } = options;
  const temporary = { schema: 'pg_temp', ...(prefix !== undefined && { prefix }) };
  await client.query('begin');
  try {
    const is = await versionOf(client, tables.version);
    await client.query(outboxSchemaSql(temporary)); // from here on the names without a schema mean these
    const should = await versionOf(client, outboxTables(temporary).version);
    if (is > should)
      return [wrong(`The tables are at version ${is}, and this program knows ${should}.`, 'Use a newer tallystick.')];
    if (is < should)
      return [wrong(`The tables are at version ${is}, and this program needs ${should}.`, 'Run: tallystick migrate.')];
    const names = (await client.query<{ name: string }>(TABLES)).rows.map(({ name }) => name);
    return drift(
      await partsOf(client, 'pg_my_temp_schema()', names),
      await partsOf(client, `'${home.replaceAll("'", "''")}'::regnamespace`, names),
      home,
    );
  } catch (error) {
    if ((error as { code?: string }).code !== '42501') throw error;
    return [
      unknown(
        'Whether an index, a constraint or a setting of the tables is missing: this role may create no temporary tables to compare with.',
        'Ask with a role that may, or run: grant temporary on database <database> to <role>.',
      ),
    ];
  } finally {
    await client.query('rollback');
  }
}

async function versionOf(client: Client, table: string): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    `select coalesce(max(version), 0)::int as version from ${table}`,
  );
  return rows[0]!.version;
}

function drift(should: readonly Part[], is: readonly Part[], home: string): Finding[] {
  const missingTables = should
    .filter(({ kind, name }) => kind === 'table' && !find(is, kind, name))
    .map(({ name }) => name);
  return should
    .filter(({ kind, name }) => kind === 'table' || !missingTables.includes(name.split('.')[0]!))
    .flatMap((part) => {
      const found = find(is, part.kind, part.name);
      if (found?.definition === part.definition) return [];
      return [different(part, found, home)];
    });
}

const find = (parts: readonly Part[], kind: string, name: string): Part | undefined =>
  parts.find((part) => part.kind === kind && part.name === name);

/** `name` is the table's, and after a dot what belongs to it. */
function different({ kind, name, definition }: Part, found: Part | undefined, home: string): Finding {
  const [table, own] = name.split('.');
  if (kind === 'function') {
    return wrong(
      `The function ${name} is ${found ? 'not as this version writes it' : 'missing'}.`,
      'Run: tallystick migrate.',
    );
  }
  const what = found
    ? `The ${kind} ${name} is ${found.definition || 'empty'} and should be ${definition}.`
    : `The ${kind} ${name} is missing${definition && `: ${definition}`}.`;
  switch (kind) {
    case 'table':
      return wrong(what, 'Run: tallystick migrate.');
    case 'index':
      return wrong(
        what,
        `Run: ${found ? `drop index ${home}.${own}; then ` : ''}tallystick migrate. It locks the table meanwhile.`,
      );
    case 'setting':
      return wrong(what, `Run: alter table ${home}.${table} set (${own} = ${definition}).`);
    case 'constraint': {
      const todo = `alter table ${home}.${table} ${found ? `drop constraint ${own}, ` : ''}add constraint ${own} ${definition}`;
      // Somebody may have left this one out on purpose.
      if (own!.endsWith('_legal') && !found)
        return note(what, `Nothing, if the tables were made with rowCheck: false. Else run: ${todo}.`);
      return wrong(what, `Run: ${todo}.`);
    }
    case 'column':
      return wrong(
        what,
        'If these tables belong to something else, give the outbox names of its own (--prefix; tables: { prefix } in OutboxModule). Of an older draft: drop them, and run tallystick migrate.',
      );
    default:
      return kind satisfies never;
  }
}

const TABLES = `select relname as name from pg_class where relnamespace = pg_my_temp_schema() and relkind = 'r' order by relname`;

/** What a schema has of these tables, without the schema's name in any definition. */
async function partsOf(client: Client, namespace: string, names: readonly string[]): Promise<Part[]> {
  const { rows } = await client.query<Part>(
    `
with ours as (
  select c.oid, c.relname, c.reloptions
  from pg_class c
  where c.relnamespace = ${namespace} and c.relkind in ('r', 'p') and c.relname = any ($1)
),
parts as (
  select 1 as rank, 'table' as kind, relname as name, '' as definition
  from ours
  union all
  select 2, 'column', concat_ws('.', relname, attname), concat_ws(' ', format_type(atttypid, null), case when attnotnull then 'not null' end)
  from ours join pg_attribute on attrelid = ours.oid and attnum > 0 and not attisdropped
  union all
  select 3, 'index', concat_ws('.', ours.relname, i.relname), regexp_replace(pg_get_indexdef(i.oid), '^CREATE (UNIQUE )?INDEX .* USING ', '\\1USING ')
  from ours join pg_index x on x.indrelid = ours.oid join pg_class i on i.oid = x.indexrelid
  where not x.indisprimary and x.indisvalid
  union all
  select 4, 'constraint', concat_ws('.', relname, conname), pg_get_constraintdef(c.oid)
  from ours join pg_constraint c on c.conrelid = ours.oid and contype in ('p', 'u', 'c', 'f')
  union all
  select 5, 'setting', concat_ws('.', relname, split_part(option, '=', 1)), split_part(option, '=', 2)
  from ours cross join unnest(reloptions) option
  union all
  select 6, 'function', proname, prosrc
  from pg_proc
  where pronamespace = ${namespace} and exists (select from ours where starts_with(proname, relname))
)
select kind, name,
  regexp_replace(
    regexp_replace(definition, '("[^"]+"|pg_temp_\\d+|pg_temp|' || ${namespace}::regnamespace::text || ')\\.', '', 'g'),
    '\\s+', ' ', 'g'
  ) as definition
from parts
order by rank, name`,
    [names],
  );
  return rows;
}
