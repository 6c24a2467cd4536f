import { createHash } from 'node:crypto';
import { checkNames, commonTables, type CommonTables } from '../tables';

/** Where the library's tables live and what they are called. */
export interface TableOptions {
  /** The schema they are in. It must exist. @default the first one on the connection's `search_path` */
  schema?: string;
  /** Put before every table, index and constraint, e.g. `billing_`. @default none */
  prefix?: string;
}

/** The tables, ready to be put into SQL: quoted, and qualified if their schema is known. */
export interface Tables extends CommonTables {
  readonly history: string;
  /** The sequence that numbers the deliveries that are to be in order. */
  readonly order: string;
  /** The function that says which delivery rows may be. */
  readonly legal: string;
  /** The quoted name of an index or constraint, e.g. `named('outbox_delivery_pkey')`. Never qualified. */
  named(name: string): string;
  /** The same, as PostgreSQL reports it in errors. */
  bare(name: string): string;
  /** Empty for the default names; else text that tells these tables from others, for names that must not meet. */
  readonly tag: string;
}

const ALLOWED = /^[A-Za-z_][A-Za-z0-9_]{0,48}$/;
/** PostgreSQL cuts longer identifiers, silently. */
const MAX_IDENTIFIER = 63;

/**
 * @param home the schema in which PostgreSQL found the tables, where none was given; its name may be anything
 * @throws InvalidOptionsError if a name is not on the allow-list; these two options and `home` are the only text put into SQL
 */
export function tables({ schema, prefix }: TableOptions = {}, home = schema): Tables {
  checkNames({ schema, prefix }, ALLOWED);

  const bare = (name: string): string => shortened(`${prefix ?? ''}${name}`);
  const named = (name: string): string => `"${bare(name)}"`;
  const table = (name: string): string =>
    home === undefined ? named(name) : `"${home.replaceAll('"', '""')}".${named(name)}`;
  return {
    ...commonTables(table),
    history: table('outbox_history'),
    order: table('outbox_order'),
    legal: table('outbox_delivery_is_legal'),
    named,
    bare,
    tag: schema === undefined && prefix === undefined ? '' : digest(`${schema ?? ''}.${prefix ?? ''}`),
  };
}

/**
 * The names of the tables as SQL of your own needs them, for looking. What may be written there is the library's business.
 * Without a schema they are found by the `search_path` of whoever asks.
 * @throws InvalidOptionsError if a name is not on the allow-list
 */
export function outboxTables(options: TableOptions = {}): OutboxTables {
  return tables(options);
}

export type OutboxTables = Omit<Tables, 'tag'>;

/** Cut by us, with a digest, so that two long names stay two names. */
function shortened(name: string): string {
  return name.length <= MAX_IDENTIFIER ? name : `${name.slice(0, MAX_IDENTIFIER - 9)}_${digest(name)}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
