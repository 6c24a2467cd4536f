import { checkNames, commonTables, type CommonTables } from '../tables';

/** Where the library's tables live and what they are called. */
export interface MariaDbTableOptions {
  /** The database they are in. It must exist. @default the one that the DataSource connects to */
  schema?: string;
  /** Put before every table, e.g. `billing_`. @default none */
  prefix?: string;
}

/** The tables, ready to be put into SQL: quoted, and qualified if their database is known. */
export interface MariaDbTables extends CommonTables {
  readonly turn: string;
  /** Told apart from other tables of this library, in names that must not meet; empty for the default ones. */
  readonly tag: string;
}

/** MariaDB takes 64 characters, and says so where there are more. */
const ALLOWED = /^[A-Za-z_][A-Za-z0-9_]{0,39}$/;

/**
 * @param home the database in which the tables are, where none was given; its name may be anything
 * @throws InvalidOptionsError if a name is not on the allow-list; these two options and `home` are the only text put into SQL
 */
export function tables({ schema, prefix }: MariaDbTableOptions = {}, home = schema): MariaDbTables {
  checkNames({ schema, prefix }, ALLOWED);
  const database = home === undefined ? '' : `\`${home.replaceAll('`', '``')}\`.`;
  const table = (name: string): string => `${database}\`${prefix ?? ''}${name}\``;
  return {
    ...commonTables(table),
    turn: table('outbox_turn'),
    tag: [schema, prefix].filter((name) => name !== undefined).join('_'),
  };
}

/**
 * The names of the tables as SQL of your own needs them, for looking. What may be written there is the library's business.
 * Without a schema they are those of the database that the session is in.
 * @throws InvalidOptionsError if a name is not on the allow-list
 */
export function mariaDbTables(options: MariaDbTableOptions = {}): MariaDbTableNames {
  const { tag: _, ...names } = tables(options);
  return names;
}

export type MariaDbTableNames = Omit<MariaDbTables, 'tag'>;
