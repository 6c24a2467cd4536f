import { outboxSchemaSql } from '@tallystick/outbox';
import { INBOX_SCHEMA, OUTBOX_SCHEMA } from '../baselines/schema';
import { ORDERS_SCHEMA, USERS_SCHEMA } from '../business/sql';
import { withClient } from '../harness/stage';
import type { Context } from './scenario';

/** Where the tables of a service are: the business's, and the library's or the hand-written ones. */
export type DatabaseKind =
  'library-users' | 'library-orders' | 'raw-users' | 'raw-orders' | 'plain-users' | 'plain-orders';

const SCHEMAS: Record<DatabaseKind, string> = {
  'library-users': outboxSchemaSql() + USERS_SCHEMA,
  'library-orders': outboxSchemaSql() + ORDERS_SCHEMA,
  'raw-users': OUTBOX_SCHEMA + USERS_SCHEMA,
  'raw-orders': INBOX_SCHEMA + ORDERS_SCHEMA,
  'plain-users': USERS_SCHEMA,
  'plain-orders': ORDERS_SCHEMA,
};

/** The delivery first: a claim locks them in this order, and a truncate in the other one would deadlock with it. */
export const LIBRARY_TABLES = ['outbox_delivery', 'outbox_message'];

/** A fresh database with its tables, for this scenario only. @returns its url */
export async function database({ stage, cleanup }: Context, kind: DatabaseKind): Promise<string> {
  const url = await stage.database(kind.replace('-', '_'), cleanup);
  await withClient(url, (client) => client.query(`${SCHEMAS[kind]} -- bench`));
  return url;
}

/** Empties tables between two measurements. */
export async function truncate(url: string, tables: readonly string[]): Promise<void> {
  await withClient(url, (client) => client.query(`truncate ${tables.join(', ')} -- bench`));
}
