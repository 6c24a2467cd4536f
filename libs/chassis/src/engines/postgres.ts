import { OUTBOX_MIGRATIONS, OutboxClient, postgres } from '@tallystick/outbox';
import type { Engine } from './engine';

/** The key of the lock; any number that nothing else in the database uses. */
const MIGRATING = 7_247_914_320;

export const postgresEngine: Engine = {
  connection: (service, url) => ({
    type: 'postgres',
    url,
    applicationName: service,
    connectTimeoutMS: 5_000,
    // Fewer round trips, for the library's statements and for these services' own.
    extra: { max: 10, Client: OutboxClient },
  }),
  outboxMigrations: OUTBOX_MIGRATIONS,
  instant: 'timestamptz not null default now()',
  everyCharacter: '',
  store: () => postgres(),
  /** Held by the transaction, so that it works behind a transaction pooler. */
  async whileLocked(manager, work) {
    await manager.query('select pg_advisory_xact_lock($1)', [MIGRATING]);
    await work();
  },
};
