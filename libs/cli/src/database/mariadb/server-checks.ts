import { type Check, type Finding, note, unknown, wrong } from '../../doctor/check';
import type { DatabaseContext } from '../../doctor/database-context';
import { connected } from './connection';

/** How the database server is set, and what goes on in it. */
export const SERVER_CHECKS: readonly Check<DatabaseContext>[] = [
  { name: 'version', of: version },
  { name: 'durability', of: durability },
  { name: 'isolation', of: isolation },
  { name: 'sql-mode', of: sqlMode },
  { name: 'binary-log', of: binaryLog },
  { name: 'old-transactions', of: oldTransactions },
];

/** The oldest whose statements the library writes, as a number. */
const OLDEST = { mariadb: { text: '10.6', number: 10_006 }, mysql: { text: '8.0.16', number: 8_000 } };

function version({ url }: DatabaseContext): Promise<Finding[]> {
  return connected(url, 'doctor', async ({ server, version: text }) => versionProblems(server, text));
}

export function versionProblems(server: keyof typeof OLDEST, version: string): Finding[] {
  // A server that replicates to old ones may call itself 5.5.5-10.11.19.
  const [, major, minor] = /(?:^5\.5\.5-)?(\d+)\.(\d+)/.exec(version) ?? [];
  const oldest = OLDEST[server];
  if (Number(major) * 1_000 + Number(minor) < oldest.number) {
    const name = server === 'mariadb' ? 'MariaDB' : 'MySQL';
    return [wrong(`${name} ${version} is older than the store's statements.`, `Use ${name} ${oldest.text} or later.`)];
  }
  if (server === 'mariadb') return [];
  return [
    note(
      `This is MySQL (${version}). The store keeps to what it documents, and is tested on MariaDB.`,
      'Run the contract of the store on yours: docs/mariadb.md says how.',
    ),
  ];
}

async function durability({ ask }: DatabaseContext): Promise<Finding[]> {
  const [found] = await ask<Record<'flushed' | 'synced' | 'logged' | 'doublewrite' | 'readOnly', string>>({
    text: `
select @@global.innodb_flush_log_at_trx_commit as flushed, @@global.sync_binlog as synced, @@global.log_bin as logged,
  @@global.innodb_doublewrite as doublewrite, @@global.read_only as readOnly`,
    row: ({ flushed, synced, logged, doublewrite, readOnly }) => ({
      ...{ flushed: String(flushed), synced: String(synced), logged: String(logged) },
      ...{ doublewrite: String(doublewrite), readOnly: String(readOnly) },
    }),
  });
  const { flushed, synced, logged, doublewrite, readOnly } = found!;
  return [
    flushed !== '1' &&
      wrong(
        `innodb_flush_log_at_trx_commit is ${flushed}: a crash can lose what was acknowledged, and messages that were sent already.`,
        'Set innodb_flush_log_at_trx_commit = 1.',
      ),
    logged === '1' &&
      synced !== '1' &&
      wrong(`sync_binlog is ${synced}: after a crash replicas may lack what was acknowledged.`, 'Set sync_binlog = 1.'),
    ['0', 'OFF'].includes(doublewrite) &&
      wrong('innodb_doublewrite is off: a crash can leave torn pages behind.', 'Set innodb_doublewrite = 1.'),
    readOnly !== '0' && wrong('This server is read-only.', 'Give the address of the primary; check host and port.'),
  ].filter((each) => each !== false);
}

async function isolation({ ask }: DatabaseContext): Promise<Finding[]> {
  const rows = await ask<{ name: string; value: string }>({
    text: `show global variables where variable_name in ('tx_isolation', 'transaction_isolation', 'innodb_snapshot_isolation')`,
    row: ({ Variable_name: name, Value: value }) => ({ name: String(name), value: String(value) }),
  });
  const level = rows.find(({ name }) => /^(tx|transaction)_isolation$/.test(name))?.value.replace('-', ' ');
  const snapshots = rows.some(({ name, value }) => name === 'innodb_snapshot_isolation' && value === 'ON');
  switch (level) {
    case 'READ COMMITTED':
      return [];
    case 'REPEATABLE READ':
      if (!snapshots) return []; // as everywhere
      return [
        note(
          "Transactions are REPEATABLE READ by default, and innodb_snapshot_isolation is on. The library's own are not; your handlers, follow-ups and transactions are.",
          "Be prepared for error 1020 in your own transactions, or ask for isolation: 'READ COMMITTED'.",
        ),
      ];
    default:
      return [
        note(
          `Transactions are ${level ?? 'of no isolation that is known here'} by default. The library's own are not; your handlers, follow-ups and transactions are.`,
          "Ask for isolation: 'READ COMMITTED' in your own transactions, or set it as the server's default.",
        ),
      ];
  }
}

async function sqlMode({ ask }: DatabaseContext): Promise<Finding[]> {
  const [found] = await ask<{ mode: string }>({ text: 'select @@global.sql_mode as mode' });
  const { mode } = found!;
  return [
    !/STRICT_(ALL|TRANS)_TABLES/.test(mode) &&
      wrong(
        'sql_mode is not strict: what your application writes is cut where it is too long, in silence.',
        'Add STRICT_TRANS_TABLES to sql_mode.',
      ),
    /NO_BACKSLASH_ESCAPES/.test(mode) &&
      wrong(
        'sql_mode has NO_BACKSLASH_ESCAPES, for which mysql2 does not write values safely: nothing is recorded.',
        'Take NO_BACKSLASH_ESCAPES out of sql_mode.',
      ),
  ].filter((each) => each !== false);
}

async function binaryLog({ ask }: DatabaseContext): Promise<Finding[]> {
  const [found] = await ask<{ logged: number; format: string }>({
    text: 'select @@global.log_bin as logged, @@global.binlog_format as format',
  });
  if (found!.logged !== 1 || found!.format !== 'STATEMENT') return [];
  return [
    wrong(
      'binlog_format is STATEMENT: the server refuses what the library writes, which is at READ COMMITTED.',
      'Set binlog_format = ROW (or MIXED).',
    ),
  ];
}

/** What such a transaction may still want to see is kept, and read again by every claim. */
async function oldTransactions({ ask, oldMs }: DatabaseContext): Promise<Finding[]> {
  try {
    const open = await ask<{ id: number; state: string; seconds: number }>({
      text: `
select trx_mysql_thread_id as id, lower(trx_state) as state, timestampdiff(second, trx_started, now()) as seconds
from information_schema.innodb_trx
where trx_mysql_thread_id <> connection_id()
  and trx_started < now(6) - interval :old microsecond
order by trx_started`,
      values: { old: Math.round(oldMs * 1_000) },
    });
    return open.map(({ id, state, seconds }) =>
      wrong(
        `A transaction has been open for ${seconds} s: connection ${id} (${state}). Nothing that was deleted since is cleaned up.`,
        id === 0
          ? 'It is prepared, and nobody is connected any more: see xa recover, then xa commit or xa rollback.'
          : `End it: kill ${id}; and find out why it was left open (idle_transaction_timeout ends such by itself).`,
      ),
    );
  } catch (error) {
    if ((error as { errno?: number }).errno !== MISSING_PRIVILEGE) throw error;
    return [
      unknown(
        'Whether somebody has left a transaction open: this user may not see those of others.',
        'Ask with a user that may, or run: grant process on *.* to <user>.',
      ),
    ];
  }
}

const MISSING_PRIVILEGE = 1227;
