import { type Cleanup, startPostgres } from '@tallystick/services';
import { Client } from 'pg';
import type { EngineServer } from './engine';
import { StatementCounter } from './postgres-statements';

/** @param url of a server to use. Default: a throw-away one, with fsync */
export async function openPostgres(
  url: string | undefined,
  cleanup: Cleanup,
  onProgress: (line: string) => void,
): Promise<EngineServer> {
  const own = url === undefined ? await ownPostgres(cleanup, onProgress) : undefined;
  const adminUrl = url ?? own!.url();
  const statements = cleanup.stopLater(await StatementCounter.connect(adminUrl));
  if (!statements.available) onProgress('pg_stat_statements is not loaded there: statements are not counted');
  const asAdmin = async (sql: string): Promise<void> => {
    await withClient(adminUrl, (client) => client.query(`${sql} -- bench`));
  };
  return {
    engine: 'postgres',
    pid: own?.pid,
    statements,
    version: await versionOf(adminUrl),
    create: async (name) => {
      await asAdmin(`create database ${name}`);
      const created = new URL(adminUrl);
      created.pathname = `/${name}`;
      return created.href;
    },
    drop: (name) => asAdmin(`drop database if exists ${name} with (force)`),
    analyze: async (databaseUrl) => {
      await withClient(databaseUrl, (client) => client.query('analyze -- bench'));
    },
  };
}

async function ownPostgres(cleanup: Cleanup, onProgress: (line: string) => void) {
  const postgres = await startPostgres({
    onProgress,
    settings: {
      shared_preload_libraries: 'pg_stat_statements',
      'pg_stat_statements.track_planning': 'on',
      max_wal_size: '4GB',
      shared_buffers: '512MB',
    },
  });
  return cleanup.stopLater(postgres);
}

export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function versionOf(url: string): Promise<string> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ version: string; fsync: string }>(
      `select split_part(current_setting('server_version'), ' ', 1) as version, current_setting('fsync') as fsync -- bench`,
    );
    return `${rows[0]!.version}, fsync ${rows[0]!.fsync}`;
  });
}
