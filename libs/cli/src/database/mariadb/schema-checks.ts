import { mariaDbSchemaSql, mariaDbTables, type MariaDbTableNames, type TableOptions } from '@tallystick/outbox';
import { type Check, type Finding, note, unknown, wrong } from '../../doctor/check';
import type { DatabaseContext } from '../../doctor/database-context';
import { connected, type Session } from './connection';
import { statementsOf } from './statements';

/** Are the tables as this version of the library makes them? */
export const SCHEMA_CHECKS: readonly Check<DatabaseContext>[] = [{ name: 'schema', of: schema }];

/** What `show create table` says of a table: its columns, keys and checks, and how it is stored. */
interface Shown {
  /** By what it is about, as `column id`. */
  readonly parts: ReadonlyMap<string, string>;
}

const MIGRATE = 'Run: tallystick migrate.';
/** Names of temporary tables hide others of the same name, so these are nobody's. */
const EXPECTED = 'tallystick_doctor_';
const [NO_SUCH_TABLE, DENIED_IN_DATABASE, DENIED] = [1146, 1044, 1142];

function schema({ url, options }: DatabaseContext): Promise<Finding[]> {
  return connected(url, 'doctor', (session) => schemaOf(session, options));
}

/**
 * The expectation is made by the server itself: the tables are created as temporary ones, and both are shown. So it takes no
 * list of what there should be, and the definitions are written alike.
 */
async function schemaOf(session: Session, options: TableOptions): Promise<Finding[]> {
  const t = mariaDbTables(options);
  const is = await versionOf(session, t);
  if (is === undefined) {
    return [
      wrong(
        `There is no table ${t.version} in this database.`,
        'Run: tallystick migrate; or check --schema and --prefix.',
      ),
    ];
  }
  const text = mariaDbSchemaSql({ server: session.server, prefix: EXPECTED });
  const should = Number(/\((\d+), uuid\(\)/.exec(text)?.[1]);
  if (is > should)
    return [wrong(`The tables are at version ${is}, and this program knows ${should}.`, 'Use a newer tallystick.')];
  if (is < should) return [wrong(`The tables are at version ${is}, and this program needs ${should}.`, MIGRATE)];
  try {
    for (const statement of statementsOf(text))
      if (statement.startsWith('create table '))
        await session.rows({ text: statement.replace('create table if not exists', 'create temporary table') });
  } catch (error) {
    if (![DENIED_IN_DATABASE, DENIED].includes((error as { errno?: number }).errno!)) throw error;
    return [
      unknown(
        'Whether a column, an index or a constraint of the tables is missing: this user may create no temporary tables to compare with.',
        'Ask with a user that may, or run: grant create temporary tables on <database>.* to <user>.',
      ),
    ];
  }
  const expected = mariaDbTables({ prefix: EXPECTED });
  const found: Finding[] = [];
  for (const name of Object.keys(t) as (keyof MariaDbTableNames)[]) {
    const there = await show(session, t[name]);
    if (!there) found.push(wrong(`The table ${t[name]} is missing.`, MIGRATE));
    else found.push(...differences(t[name], (await show(session, expected[name]))!, there));
  }
  return found;
}

async function versionOf({ rows }: Session, t: MariaDbTableNames): Promise<number | undefined> {
  return unlessMissing(async () => {
    const [row] = await rows({ text: `select coalesce(max(v.version), 0) as version from ${t.version} v` });
    return Number(row!.version);
  });
}

function show({ rows }: Session, table: string): Promise<Shown | undefined> {
  return unlessMissing(async () => {
    const [row] = await rows({ text: `show create table ${table}` });
    const [, ...lines] = String(row!['Create Table']).split('\n');
    return { parts: new Map(lines.map((line) => part(line.trim().replace(/,$/, '')))) };
  });
}

async function unlessMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if ((error as { errno?: number }).errno === NO_SUCH_TABLE) return undefined;
    throw error;
  }
}

/** A line, and what it is about. */
function part(line: string): [string, string] {
  const [, column] = /^`([^`]+)` /.exec(line) ?? [];
  if (column !== undefined) return [`column ${column}`, line];
  const [, kind, name] = /^(PRIMARY KEY|(?:UNIQUE )?KEY|CONSTRAINT)(?: `([^`]+)`)?/.exec(line) ?? [];
  if (kind === undefined) return ['storage', line.replace(/ AUTO_INCREMENT=\d+/, '').replace(/^\) /, '')];
  const what = kind === 'CONSTRAINT' ? 'constraint' : 'index';
  return [`${what} ${name ?? 'PRIMARY'}`, line];
}

/** What is there and was not asked for, an index for a report say, is nobody's business but its owner's. */
function differences(table: string, should: Shown, is: Shown): Finding[] {
  return [...should.parts].flatMap(([what, definition]) => {
    const there = is.parts.get(what);
    if (there === definition) return [];
    const said = there
      ? `The ${what} of ${table} is ${there} and should be ${definition}.`
      : `The ${what} of ${table} is missing: ${definition}.`;
    return [different(table, what, said, definition, there)];
  });
}

function different(table: string, what: string, said: string, definition: string, there: string | undefined): Finding {
  const [kind, name] = what.split(' ') as [string, string];
  switch (kind) {
    case 'index':
      return wrong(
        said,
        `Run: alter table ${table} ${there ? `drop index ${name}, ` : ''}add ${definition}. It takes as long as the table is large.`,
      );
    case 'constraint': {
      const todo = `alter table ${table} ${there ? `drop constraint ${name}, ` : ''}add ${definition}`;
      return name.endsWith('_legal') && !there
        ? note(said, `Nothing, if it was left out on purpose. Else run: ${todo}.`)
        : wrong(said, `Run: ${todo}.`);
    }
    case 'storage':
      return wrong(said, `Run: alter table ${table} ${definition}.`);
    default:
      return wrong(
        said,
        there
          ? `Run: alter table ${table} modify ${definition}. Names are compared by every character: another collation takes order-1 and ORDER-1 for one.`
          : 'If these tables belong to something else, give the outbox names of its own (--prefix; tables: { prefix } in OutboxModule). Of an older draft: drop them, and run tallystick migrate.',
      );
  }
}
