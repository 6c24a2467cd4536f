import { mariadb, mariaDbMigrations, mariaDbSchemaSql } from '@tallystick/outbox';
import { startMariaDb } from '@tallystick/services';
import type { RigDatabase } from './rig-database';

/** Of a statement that ended a connection which had gone by itself. */
const NO_SUCH_CONNECTION = 1094;

export const mariaDbDatabase: RigDatabase = {
  kind: 'mariadb',
  async startServer(onProgress) {
    // Of the controls one lets the server forget, once a second.
    const settings = { 'event-scheduler': 'ON' };
    const server = await startMariaDb({ install: true, settings, onProgress });
    return {
      port: server.port,
      get pid() {
        return server.pid;
      },
      createDatabase: () => server.createDatabase(),
      dropDatabase: (nameOrUrl) => server.dropDatabase(nameOrUrl),
      async crash() {
        await server.kill();
        await server.start();
      },
      stop: () => server.stop(),
    };
  },

  /** The level of isolation is the server's own, REPEATABLE READ: the one that people have who asked for none. */
  connection: (_service, url) => ({ type: 'mariadb', url, poolSize: 20, connectTimeout: 5_000, timezone: 'Z' }),
  migrations: mariaDbMigrations(),
  store: () => mariadb(),
  prepared: (sql) => sql,

  outboxTables: mariaDbSchemaSql()
    .split(';\n')
    .filter((statement) => statement.trim() !== ''),
  noteTransitions: [
    `create trigger note_transition after update on outbox_delivery for each row
  if old.state <> new.state then
    insert into transition (message_id, old_state, new_state) values (new.message_id, old.state, new.state);
  end if`,
  ],
  schemaLines: `
  select concat_ws(' ', 'column', table_name, column_name, column_type, is_nullable, column_default, collation_name, extra) as line
    from information_schema.columns where table_schema = database()
  union all
  select concat_ws(' ', 'index', table_name, index_name, non_unique, seq_in_index, column_name)
    from information_schema.statistics where table_schema = database()
  union all
  select concat_ws(' ', 'constraint', table_name, constraint_name, check_clause)
    from information_schema.check_constraints where constraint_schema = database()
  union all
  select concat('done ', name) from migrations
  order by line`,

  async endConnections(ask, probability) {
    const others = await ask<{ id: string }>(
      'select id from information_schema.processlist where db = database() and id <> connection_id() and rand() < ?',
      [probability],
    );
    for (const { id } of others)
      await ask(`kill ${id}`).catch((error: { errno?: number }) => {
        if (error.errno !== NO_SUCH_CONNECTION) throw error;
      });
  },
};
