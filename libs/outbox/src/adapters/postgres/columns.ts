import type { Row } from '../rows';
import { createStatements } from './schema';
import type { Tables } from './tables';

/** A table as this version of the library writes it. */
interface Layout {
  readonly table: string;
  readonly columns: ReadonlyMap<string, { readonly type: string; readonly notNull: boolean }>;
  readonly key: string;
}

/** PostgreSQL's long names of the types that the tables are made of. Texts of every length are one to us. */
const TYPES: Readonly<Record<string, string>> = {
  varchar: 'text',
  'character varying': 'text',
  timestamptz: 'timestamp with time zone',
  int: 'integer',
};
const typeOf = (name: string): string => TYPES[name] ?? name;

/** Read from the statements that create the tables, so that there is one description of them. */
export function layouts(t: Tables): Layout[] {
  return createStatements(t).flatMap((statement) => {
    const table = /^create table if not exists (\S+) \(/.exec(statement)?.[1];
    if (table === undefined) return [];
    const columns = [...statement.matchAll(/^ {2}(?!constraint)(\w+) (\w+)(.*)$/gm)].map(
      ([, name, type, rest]) => [name!, { type: typeOf(type!), notNull: rest!.includes('not null') }] as const,
    );
    const key = /primary key \(([^)]+)\)/.exec(statement)![1]!;
    return [{ table, columns: new Map(columns), key }];
  });
}

/** What a table of these names really looks like; `$1` are the names, qualified. */
export const COLUMNS = `
select wanted.name as "table", a.attname as "column", format_type(a.atttypid, null) as type, a.attnotnull::text as not_null,
  (a.atthasdef or a.attidentity <> '' or a.attgenerated <> '')::text as filled,
  (select string_agg(k.attname, ', ' order by array_position(c.conkey, k.attnum))
    from pg_constraint c
    join pg_attribute k on k.attrelid = c.conrelid and k.attnum = any (c.conkey)
    where c.conrelid = a.attrelid and c.contype = 'p') as key
from unnest($1::text[]) as wanted (name)
join pg_attribute a on a.attrelid = to_regclass(wanted.name) and a.attnum > 0 and not a.attisdropped`;

/** What stands in the way of reading and writing, as sentences; empty if nothing. A column more does no harm if it may be empty. */
export function columnProblems(layout: Layout, rows: readonly Row[]): string[] {
  const found = rows.filter((row) => row.table === layout.table);
  if (found.length === 0) return [`the table ${layout.table} does not exist`];
  const at = (column: string): string => `${layout.table}.${column}`;
  const problems: string[] = [];
  for (const [name, { type, notNull }] of layout.columns) {
    const column = found.find((row) => row.column === name);
    if (!column) problems.push(`${at(name)} is missing`);
    else if (typeOf(column.type!) !== type) problems.push(`${at(name)} is ${column.type} and should be ${type}`);
    else if (column.not_null === 'true' && !notNull) problems.push(`${at(name)} must not be null, and sometimes is`);
  }
  for (const { column, not_null, filled } of found) {
    if (!layout.columns.has(column!) && not_null === 'true' && filled === 'false')
      problems.push(`${at(column!)} is not ours, must not be null and has no default`);
  }
  const key = found[0]!.key ?? 'none';
  if (key !== layout.key) problems.push(`the primary key of ${layout.table} is ${key} and should be (${layout.key})`);
  return problems;
}
