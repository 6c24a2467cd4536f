import type { Client } from 'pg';
import { type Check, type Finding, note, unknown, wrong } from '../../doctor/check';
import type { DatabaseContext } from '../../doctor/database-context';
import { connected } from './read-only';

/** How the database server is set, and what goes on in it. */
export const SERVER_CHECKS: readonly Check<DatabaseContext>[] = [
  { name: 'durability', of: durability },
  { name: 'isolation', of: isolation },
  { name: 'pooler', of: pooler },
  { name: 'autovacuum', of: autovacuum },
  { name: 'old-transactions', of: oldTransactions },
];

async function durability({ ask }: DatabaseContext): Promise<Finding[]> {
  const [server] = await ask<{ off: string[]; replica: boolean }>({
    text: `
select array(select name from unnest(array['fsync', 'full_page_writes', 'synchronous_commit']) name where current_setting(name) = 'off') as off,
  pg_is_in_recovery() as replica`,
  });
  return [
    ...server!.off.map((name) =>
      wrong(
        `${name} is off: a crash can lose or damage what was acknowledged, and messages that were sent already.`,
        name === 'synchronous_commit'
          ? 'Run: alter role <role of the service> set synchronous_commit = on.'
          : `Set ${name} = on.`,
      ),
    ),
    ...(server!.replica
      ? [wrong('This server is a read-only replica.', 'Give the address of the primary; check host and port.')]
      : []),
  ];
}

async function isolation({ ask }: DatabaseContext): Promise<Finding[]> {
  const [found] = await ask<{ level: string }>({
    text: `select current_setting('default_transaction_isolation') as level`,
  });
  if (found!.level === 'read committed') return [];
  return [
    note(
      `Transactions are ${found!.level} by default. The library's own statements are not; your handlers, follow-ups and transactions are.`,
      "Be prepared for SQLSTATE 40001 in your own transactions, or run: alter role <role> set default_transaction_isolation = 'read committed'.",
    ),
  ];
}

/**
 * A pooler answers for the server's process with a number of its own. In transaction mode another client gets the server that
 * a client has just been served by; then what is prepared by name may be lost.
 */
function pooler({ url }: DatabaseContext): Promise<Finding[]> {
  return connected(url, 'doctor', (one) => connected(url, 'doctor', (other) => poolerBetween(one, other)));
}

async function poolerBetween(one: Client, other: Client): Promise<Finding[]> {
  const process = await processOf(one);
  if (process === (one as unknown as { processID: number }).processID) return [];
  await one.query({ name: 'tallystick_doctor', text: 'select 1' });
  await other.query('begin');
  const shared = (await processOf(other)) === process;
  const lost = await one.query({ name: 'tallystick_doctor', text: 'select 1' }).then(
    () => false,
    () => true,
  );
  await other.query('rollback');
  if (lost) {
    return [
      note(
        'A pooler in transaction mode stands in between, and loses statements that are prepared by name.',
        'Set store: postgres({ namedStatements: false }) in the options of OutboxModule, or max_prepared_statements of PgBouncer (1.21 or later).',
      ),
    ];
  }
  return [
    shared
      ? note(
          'A pooler in transaction mode stands in between. It keeps statements that are prepared by name.',
          'Nothing.',
        )
      : unknown(
          'A pooler stands in between; whether in transaction mode could not be seen.',
          'If it is, and has no max_prepared_statements, set store: postgres({ namedStatements: false }) in the options of OutboxModule.',
        ),
  ];
}

async function processOf(client: Client): Promise<number> {
  return (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid;
}

async function autovacuum({ ask }: DatabaseContext): Promise<Finding[]> {
  const [found] = await ask<{ off: boolean }>({
    text: `select current_setting('autovacuum') = 'off' or current_setting('track_counts') = 'off' as off`,
  });
  if (!found!.off) return [];
  return [
    wrong(
      'Autovacuum does not run on this server: every claim will read more and more dead rows.',
      'Set autovacuum = on and track_counts = on.',
    ),
  ];
}

/** What was deleted after such a transaction began stays on disk, and in the way of every claim, until it ends. */
async function oldTransactions({ ask, oldMs }: DatabaseContext): Promise<Finding[]> {
  const open = await ask<{ what: string; todo: string; seconds: number }>({
    text: `
select format('session %s (%s, %s)', pid, coalesce(nullif(application_name, ''), 'no name'), state) as what,
  format('End it: select pg_terminate_backend(%s)', pid) as todo, extract(epoch from clock_timestamp() - xact_start)::int as seconds
from pg_stat_activity
where datname = current_database()
  and pid <> pg_backend_pid()
  and (backend_xmin is not null or backend_xid is not null or state like 'idle in transaction%')
  and xact_start < clock_timestamp() - $1::float8 * interval '1 ms'
union all
select format('prepared transaction %L', gid), format('End it: rollback prepared %L (or commit it)', gid), extract(epoch from clock_timestamp() - prepared)::int
from pg_prepared_xacts
where database = current_database()
  and prepared < clock_timestamp() - $1::float8 * interval '1 ms'
order by seconds desc`,
    values: [oldMs],
  });
  const slots = await ask<{ name: string }>({
    text: 'select slot_name as name from pg_replication_slots where not active and coalesce(xmin, catalog_xmin) is not null',
  });
  return [
    ...open.map(({ what, todo, seconds }) =>
      wrong(
        `A transaction has been open for ${seconds} s: ${what}. Vacuum can clean up nothing since then.`,
        `${todo}; and find out why it was left open (idle_in_transaction_session_timeout ends such by itself).`,
      ),
    ),
    ...slots.map(({ name }) =>
      wrong(
        `Nobody reads the replication slot ${name}, and it keeps old rows and WAL.`,
        `Start its reader again, or drop it: select pg_drop_replication_slot('${name}').`,
      ),
    ),
  ];
}
