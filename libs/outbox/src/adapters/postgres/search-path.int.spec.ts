import { connectTestPostgres } from '@tallystick/services';
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { ACCEPTED, CONSUMER, newMessage } from '../../testing/store-contract-scenario';
import { outboxSchemaSql, poolFrom, PostgresStore } from './index';

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const LIMITS = { horizonMs: 86_400_000, lockTimeoutMs: 1_000 };

/** The library's sessions find the tables by their `search_path`; the application's look wherever a tenant lives. */
describe.each(['public', 'Messaging', 'an "odd" one', "it's; --", 'größe'])('Tables in the schema %s', (home) => {
  let url: string;
  let owner: DataSource;
  let pool: Pool;
  let store: PostgresStore;
  beforeAll(async () => {
    url = await connectTestPostgres().createDatabase();
    owner = await new DataSource({ type: 'postgres', url }).initialize();
    if (home !== 'public') await owner.query(`create schema ${quoted(home)}`);
    for (const schema of [home, 'acme']) {
      await owner.query(`create schema if not exists ${quoted(schema)}`);
      await owner.query(`set search_path to ${quoted(schema)}; ${outboxSchemaSql()} reset search_path`);
    }
    await owner.query('create schema globex');
    await owner.query(`alter database ${quoted(new URL(url).pathname.slice(1))} set search_path to ${quoted(home)}`);
    await owner.destroy();
    await owner.initialize();
    pool = poolFrom(owner, { max: 4 });
    store = new PostgresStore({ pool });
  });
  afterAll(async () => {
    await pool.end();
    await owner.destroy();
    await connectTestPostgres().dropDatabase(url);
  });

  it.each(['acme', 'globex', `acme, ${quoted(home)}`, 'pg_temp', "''"])(
    'are the same for everything in a transaction whose search_path is %s',
    async (path) => {
      const message = newMessage();
      const key = { messageId: message.id, consumer: CONSUMER };
      await owner.transaction(async (tx) => {
        await tx.query(`set local search_path to ${path}`);
        await store.add(tx, [message]);
        const arrived = {
          messageId: randomUUID(),
          consumer: CONSUMER,
          source: 'shop',
          payloadHash: undefined,
          recordedAt: new Date().toISOString(),
          deadlineAt: undefined,
        };
        expect(await store.inbox.begin(tx, arrived, LIMITS)).toMatchObject({ kind: 'first' });
        expect(await store.find(message.id, tx)).toHaveLength(1);
        expect(await store.close(tx, key, ACCEPTED)).toMatchObject(key);
      });
      expect(await store.find(message.id)).toMatchObject([{ state: 'completed' }]);
      expect(await owner.query('select from acme.outbox_message')).toEqual([]);
      expect(await owner.query('select from acme.inbox_message')).toEqual([]);
    },
  );
});
