import { OUTBOX_MIGRATIONS, OutboxClient, outboxSchemaSql, postgres } from '@tallystick/outbox';
import { numbered, startPostgres } from '@tallystick/services';
import type { RigDatabase } from './rig-database';

export const postgresDatabase: RigDatabase = {
  kind: 'postgres',
  async startServer(onProgress) {
    const server = await startPostgres({ onProgress });
    return {
      port: server.port,
      get pid() {
        return server.pid;
      },
      createDatabase: () => server.createDatabase(),
      dropDatabase: (nameOrUrl) => server.dropDatabase(nameOrUrl),
      crash: () => server.restart('immediate'),
      stop: () => server.stop(),
    };
  },

  connection: (service, url) => ({
    type: 'postgres',
    url,
    applicationName: service,
    connectTimeoutMS: 5_000,
    extra: { max: 20, Client: OutboxClient },
  }),
  migrations: OUTBOX_MIGRATIONS,
  store: () => postgres(),
  prepared: numbered,

  outboxTables: [outboxSchemaSql()],
  noteTransitions: [
    `create function note_transition() returns trigger language plpgsql as $$
  begin
    insert into transition (message_id, old_state, new_state) values (new.message_id, old.state, new.state);
    return null;
  end $$`,
    `create trigger note_transition after update of state on outbox_delivery
    for each row when (old.state is distinct from new.state) execute function note_transition()`,
  ],
  schemaLines: `
  select 'column ' || concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) as line
    from information_schema.columns where table_schema = 'public'
  union all
  select 'index ' || indexdef from pg_indexes where schemaname = 'public'
  union all
  select 'constraint ' || concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
    from pg_constraint where connamespace = 'public'::regnamespace
  union all
  select 'done ' || name from migrations
  order by line`,

  async endConnections(ask, probability) {
    await ask(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and random() < ?`,
      [probability],
    );
  },
};
