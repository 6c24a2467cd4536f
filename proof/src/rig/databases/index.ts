import { mariaDbDatabase } from './mariadb';
import { postgresDatabase } from './postgres';
import type { DatabaseKind, RigDatabase } from './rig-database';

export type { DatabaseKind, PrivateRigServer, RigServer } from './rig-database';

export const DATABASES: Readonly<Record<DatabaseKind, RigDatabase>> = {
  postgres: postgresDatabase,
  mariadb: mariaDbDatabase,
};

/** By the scheme of its url. */
export function databaseOf(url: string): RigDatabase {
  return url.startsWith('postgres') ? postgresDatabase : mariaDbDatabase;
}
