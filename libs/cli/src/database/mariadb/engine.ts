import { mariadb, mariaDbSchemaSql, mariaDbTables, type TableOptions } from '@tallystick/outbox';
import type { Engine } from '../engine';
import { connected, loadMysql2, readOnly, type Session } from './connection';
import { questions } from './questions';
import { SCHEMA_CHECKS } from './schema-checks';
import { SERVER_CHECKS } from './server-checks';
import { statementsOf } from './statements';

const LOCK_WAIT_S = 60;

export const mariaDb: Engine = {
  store: () => {
    loadMysql2(); // TypeORM would say that it misses it, but not for what
    return mariadb();
  },
  schemaSql: async (url, tables) =>
    url === undefined
      ? mariaDbSchemaSql(tables)
      : connected(url, 'migrate', async (session) => mariaDbSchemaSql({ ...tables, server: session.server })),
  migrate: (url, tables) => connected(url, 'migrate', (session) => migrate(session, tables)),
  readOnly,
  questions: (tables) => questions(mariaDbTables(tables), tables),
  checks: [...SERVER_CHECKS, ...SCHEMA_CHECKS],
};

/** The server commits each statement by itself: what was cut short is run again, from the beginning. */
async function migrate({ server, rows }: Session, tables: TableOptions): Promise<void> {
  const [lock] = await rows({ text: `select get_lock('tallystick migrate', ${LOCK_WAIT_S}) as got` });
  if (lock!.got !== 1)
    throw new Error(`Somebody else has been migrating for ${LOCK_WAIT_S} s. See who, and try again.`);
  for (const text of statementsOf(mariaDbSchemaSql({ ...tables, server }))) await rows({ text });
}
