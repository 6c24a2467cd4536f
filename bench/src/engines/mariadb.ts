import { type Cleanup, startMariaDb } from '@tallystick/services';
import { asking, type EngineServer } from './engine';
import { MariaDbStatementCounter } from './mariadb-statements';

/**
 * Room as in the PostgreSQL that is measured; and READ COMMITTED, as the library asks for and a hand-written outbox needs, without a
 * statement for it in every transaction.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  'innodb-buffer-pool-size': '512M',
  'innodb-log-file-size': '1G',
  'transaction-isolation': 'READ-COMMITTED',
};

/** @param url of a server to use, MariaDB 10.7 or later. Default: a throw-away one, which flushes every commit */
export async function openMariaDb(
  url: string | undefined,
  cleanup: Cleanup,
  onProgress: (line: string) => void,
): Promise<EngineServer> {
  const own =
    url === undefined
      ? cleanup.stopLater(await startMariaDb({ install: true, settings: SETTINGS, onProgress }))
      : undefined;
  const urlOf = (database: string): string => {
    const found = new URL(url ?? own!.url(''));
    found.pathname = `/${database}`;
    return found.href;
  };
  const adminUrl = urlOf('');
  const asAdmin = async (sql: string): Promise<void> => {
    await asking(adminUrl, (ask) => ask(sql));
  };
  return {
    engine: 'mariadb',
    pid: own?.pid,
    statements: cleanup.stopLater(await MariaDbStatementCounter.connect(adminUrl)),
    version: await versionOf(adminUrl),
    create: async (name) => {
      await asAdmin(`create database ${name} character set utf8mb4`);
      return urlOf(name);
    },
    drop: (name) => asAdmin(`drop database if exists ${name}`),
    analyze: (databaseUrl) =>
      asking(databaseUrl, async (ask) => {
        const tables = await ask<{ name: string }>(
          `select table_name as name from information_schema.tables where table_schema = database()`,
        );
        await ask(`analyze table ${tables.map(({ name }) => `\`${name}\``).join(', ')}`);
      }),
  };
}

async function versionOf(url: string): Promise<string> {
  return asking(url, async (ask) => {
    const [row] = await ask<{ version: string; flush: string }>(
      'select version() as version, @@innodb_flush_log_at_trx_commit as flush',
    );
    // Its name is `transaction_isolation` from 11.1 on.
    const [isolation] = await ask<{ Value: string }>("show variables where variable_name like 't%_isolation'");
    return `${row!.version.split('-')[0]}, innodb_flush_log_at_trx_commit ${row!.flush}, ${isolation!.Value}`;
  });
}
