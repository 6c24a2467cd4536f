import { mariadb, mariaDbMigrations } from '@tallystick/outbox';
import type { Engine } from './engine';

/** The name of the lock, which is the whole server's. */
const MIGRATING = 'tallystick migrations';
const LOCK_SECONDS = 60;

export const mariaDbEngine: Engine = {
  connection: (_service, url) => ({
    type: 'mariadb',
    url,
    poolSize: 10,
    connectTimeout: 5_000,
    /** What is in a `datetime` is UTC. */
    timezone: 'Z',
    /** At the server's default, who waited for another purchase would not see it. */
    isolationLevel: 'READ COMMITTED',
  }),
  outboxMigrations: mariaDbMigrations(),
  instant: 'datetime(6) not null default (utc_timestamp(6))',
  everyCharacter: 'character set utf8mb4 collate utf8mb4_nopad_bin',
  store: () => mariadb(),
  async whileLocked(manager, work) {
    const [row] = (await manager.query('select get_lock(?, ?) as locked', [MIGRATING, LOCK_SECONDS])) as [
      { locked: string | number | null },
    ];
    if (Number(row.locked) !== 1) throw new Error('Another process has been migrating this database for a minute.');
    try {
      await work();
    } finally {
      await manager.query('select release_lock(?)', [MIGRATING]);
    }
  },
};
