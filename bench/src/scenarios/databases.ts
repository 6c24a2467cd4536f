import { mariaDbSchemaSql, outboxSchemaSql } from '@tallystick/outbox';
import { inboxSchema, outboxSchema } from '../baselines/schema';
import { ordersSchema, usersSchema } from '../business/sql';
import { asking, type Engine, engineOf } from '../engines/engine';
import type { Context } from './scenario';

/** Where the tables of a service are: the business's, and the library's or the hand-written ones. */
export type DatabaseKind =
  'library-users' | 'library-orders' | 'raw-users' | 'raw-orders' | 'plain-users' | 'plain-orders';

const SCHEMAS: Readonly<Record<DatabaseKind, (engine: Engine) => string>> = {
  'library-users': (engine) => librarySchema(engine) + usersSchema(engine),
  'library-orders': (engine) => librarySchema(engine) + ordersSchema(engine),
  'raw-users': (engine) => outboxSchema(engine) + usersSchema(engine),
  'raw-orders': (engine) => inboxSchema(engine) + ordersSchema(engine),
  'plain-users': usersSchema,
  'plain-orders': ordersSchema,
};

function librarySchema(engine: Engine): string {
  return engine === 'postgres' ? outboxSchemaSql() : mariaDbSchemaSql();
}

/** The delivery first: a claim locks them in this order, and a truncate in the other one would deadlock with it. */
export const LIBRARY_TABLES = ['outbox_delivery', 'outbox_message'];

/** A fresh database with its tables, for this scenario only. @returns its url */
export async function database({ stage, cleanup }: Context, kind: DatabaseKind): Promise<string> {
  const url = await stage.database(kind.replace('-', '_'), cleanup);
  await createTables(url, SCHEMAS[kind](stage.engine));
  return url;
}

/** MariaDB takes one statement at a time, PostgreSQL all of them at once. */
export async function createTables(url: string, schema: string): Promise<void> {
  const statements =
    engineOf(url) === 'postgres' ? [schema] : schema.split(/;\s*\n/).filter((each) => each.trim() !== '');
  await asking(url, async (ask) => {
    for (const statement of statements) await ask(`${statement}\n-- bench`);
  });
}

/** Empties tables between two measurements. */
export async function truncate(url: string, tables: readonly string[]): Promise<void> {
  const lists = engineOf(url) === 'postgres' ? [tables.join(', ')] : tables;
  await asking(url, async (ask) => {
    for (const list of lists) await ask(`truncate ${list} -- bench`);
  });
}
