import { Cleanup, type MariaDbServer, startMariaDb } from '@tallystick/services';
import { createConnection } from 'mysql2/promise';
import { versionProblems } from '../database/mariadb/server-checks';
import { ServiceDatabase } from '../service-database.fixture';
import { runTallystick } from '../terminal.fixture';

interface Found {
  readonly check: string;
  readonly level: string;
  readonly what: string;
  readonly todo: string;
}

const cleanup = new Cleanup();
let server: MariaDbServer;
let database: ServiceDatabase;

beforeAll(async () => {
  server = cleanup.stopLater(await startMariaDb({ install: true }));
});
beforeEach(async () => {
  database = await ServiceDatabase.create('MariaDB', 'doctor', server);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await database.drop();
});
afterAll(() => cleanup.run());

async function doctor(...more: string[]): Promise<{ code: number; found: Found[] }> {
  const { code, out, said } = await runTallystick(['doctor', '--json', '--database-url', database.url, ...more]);
  if (out === '') throw new Error(said);
  return { code, found: JSON.parse(out) as Found[] };
}
/** What one check says. */
async function told(check: string, ...more: string[]): Promise<string[]> {
  const { found } = await doctor(...more);
  return found.filter((each) => each.check === check).map(({ level, what, todo }) => `${level}: ${what} ${todo}`);
}
/** Sets what is everybody's, until the work is done. */
async function setting(name: string, value: string, work: () => Promise<void>): Promise<void> {
  const [before] = await database.ask<{ value: string }>(`select @@global.${name} as value`);
  await database.ask(`set global ${name} = ${value}`);
  try {
    await work();
  } finally {
    const { value: old } = before!;
    await database.ask(`set global ${name} = ?`, [/^\d+$/.test(String(old)) ? Number(old) : old]);
  }
}

describe('doctor, of a MariaDB', () => {
  it('finds nothing where all is well, and says that it did not look at the broker', async () => {
    await database.delivery();
    expect(await doctor()).toEqual({ code: 0, found: [] });
    const { out } = await runTallystick(['doctor', '--database-url', database.url]);
    expect(out).toBe('Nothing is wrong.\nThe broker was not looked at: give --amqp-url, or set AMQP_URL.');
  });

  it.each([
    ['innodb_flush_log_at_trx_commit', '2', 'durability', /^wrong: innodb_flush_log_at_trx_commit is 2.* = 1\.$/],
    ['read_only', '1', 'durability', /^wrong: This server is read-only/],
    ['sql_mode', "''", 'sql-mode', /^wrong: sql_mode is not strict.*Add STRICT_TRANS_TABLES/],
    [
      'sql_mode',
      "'STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES'",
      'sql-mode',
      /^wrong: .*NO_BACKSLASH_ESCAPES.*nothing is recorded/,
    ],
    ['tx_isolation', "'SERIALIZABLE'", 'isolation', /^note: Transactions are SERIALIZABLE by default/],
  ])('sees a server whose %s is %s', async (name, value, check, says) => {
    await setting(name, value, async () => expect(await told(check)).toEqual([expect.stringMatching(says)]));
  });

  it.each([
    ['mariadb', '10.5.29-MariaDB', [/^MariaDB 10.5.29-MariaDB is older/]],
    ['mariadb', '5.5.5-10.11.19-MariaDB', []],
    ['mariadb', '11.8.3-MariaDB', []],
    ['mysql', '5.7.44', [/^MySQL 5.7.44 is older/]],
    ['mysql', '8.4.6', [/^This is MySQL.*tested on MariaDB/]],
  ] as const)('knows what it thinks of %s %s', (kind, version, says) => {
    expect(versionProblems(kind, version).map(({ what }) => what)).toEqual(
      says.map((each) => expect.stringMatching(each)),
    );
  });

  it.each([
    [
      'alter table outbox_delivery drop constraint outbox_delivery_legal',
      /^note: The constraint outbox_delivery_legal of `outbox_delivery` is missing.*on purpose/,
    ],
    [
      'alter table outbox_delivery drop index outbox_delivery_due',
      /^wrong: The index outbox_delivery_due of `outbox_delivery` is missing.*alter table `outbox_delivery` add KEY `outbox_delivery_due`/,
    ],
    [
      'alter table outbox_message modify type varchar(255) character set utf8mb4 collate utf8mb4_general_ci not null',
      /^wrong: The column type of `outbox_message` is .*utf8mb4_general_ci.*order-1 and ORDER-1/,
    ],
    ['alter table inbox_message row_format = compressed', /^wrong: The storage of `inbox_message` is /],
    ['alter table outbox_message drop column headers', /^wrong: The column headers of `outbox_message` is missing/],
    ['drop table outbox_follow_up', /^wrong: The table `outbox_follow_up` is missing. Run: tallystick migrate/],
    ['update outbox_schema set version = 99', /^wrong: The tables are at version 99, and this program knows \d+/],
    ['update outbox_schema set version = 0', /^wrong: The tables are at version 0, and this program needs \d+/],
  ])('sees: %s', async (change, says) => {
    await database.ask(change);
    expect(await told('schema')).toEqual([expect.stringMatching(says)]);
  });

  it('does what it advises, and is content', async () => {
    await database.ask('alter table outbox_delivery drop index outbox_delivery_due');
    await database.ask('alter table inbox_message modify consumer varchar(255) collate utf8mb4_general_ci not null');
    await database.ask('alter table inbox_message drop constraint inbox_message_verdict');
    const todo = (await doctor()).found.map((each) =>
      /^Run: (alter table .*?)\. |^Run: (alter table .*)\.$/.exec(each.todo),
    );
    expect(todo).toHaveLength(3);
    for (const found of todo) await database.ask(found![1] ?? found![2]!);
    expect(await doctor()).toEqual({ code: 0, found: [] });
  });

  it('says that the tables are missing, and nothing more of them', async () => {
    const { code, found } = await doctor('--prefix', 'other_');
    expect(code).toBe(1);
    expect(found).toEqual([
      expect.objectContaining({ check: 'schema', what: expect.stringContaining('other_outbox_schema') }),
    ]);
  });

  it('finds tables that have a prefix and a database of their own as well', async () => {
    const home = await server.createDatabase();
    const where = ['--schema', new URL(home).pathname.slice(1), '--prefix', 'shop_'];
    await runTallystick(['migrate', '--database-url', database.url, ...where]);
    expect(await doctor(...where)).toEqual({ code: 0, found: [] });
    await server.dropDatabase(home);
  });

  it('says what it cannot see without rights', async () => {
    const looker = new URL(database.url);
    const name = looker.pathname.slice(1);
    for (const statement of [
      `create or replace user looker@'127.0.0.1'`,
      `grant select on \`${name}\`.* to looker@'127.0.0.1'`,
    ])
      await database.ask(statement);
    looker.username = 'looker';
    const { out } = await runTallystick(['doctor', '--json', '--database-url', looker.href]);
    expect((JSON.parse(out) as Found[]).map(({ check, level, todo }) => [check, level, todo])).toEqual([
      ['old-transactions', 'unknown', expect.stringContaining('grant process')],
      ['schema', 'unknown', expect.stringContaining('grant create temporary tables')],
    ]);
  });

  it('sees a transaction that was left open', async () => {
    const idler = await createConnection({ uri: database.url });
    await idler.query('start transaction');
    await idler.query('delete from outbox_audit where id = 1');
    await idler.query('insert into outbox_follow_up values (?, ?, ?, ?, now())', ['a', 'b', 'accepted', 'c']);
    expect(await told('old-transactions')).toEqual([]);
    expect(await told('old-transactions', '--old', '1ms')).toEqual([
      expect.stringMatching(/^wrong: A transaction has been open for \d+ s: connection \d+ .*kill \d+/),
    ]);
    await idler.end();
  });

  it('sees what is parked, what no relay takes, and what was closed before its follow-up was there', async () => {
    await database.delivery({ state: 'parked' });
    await database.delivery({ state: 'pending', ageMs: 3_600_000 });
    await database.delivery({ state: 'compensated', ageMs: 3_600_000 });
    expect(await told('late-follow-ups')).toEqual([]);
    await database.followUp('user-service', 'order.requested', 'rejected');
    expect(await told('parked')).toEqual([
      expect.stringMatching(/^wrong: 1 delivery of user-service is parked.*list state:parked/),
    ]);
    expect(await told('overdue')).toEqual([
      expect.stringMatching(/^wrong: A delivery of user-service has been due for 36\d\d s/),
    ]);
    expect(await told('overdue', '--due', '2h')).toEqual([]);
    expect(await told('late-follow-ups')).toEqual([
      expect.stringMatching(/^note: 1 rejected order.requested of user-service was closed before Purchases.refund/),
    ]);
  });

  it('sees a clock that is off', async () => {
    const real = Date.now.bind(Date);
    jest.spyOn(Date, 'now').mockImplementation(() => real() + 90_000);
    expect(await told('clock')).toEqual([expect.stringMatching(/^wrong: .* (89|90|91) s behind .* NTP/)]);
  });
});

describe('doctor, of a MariaDB with a binary log', () => {
  it('sees one that may lose commits, or that the library cannot write to', async () => {
    const logging = cleanup.stopLater(
      await startMariaDb({
        install: true,
        settings: {
          'log-bin': 'log',
          'binlog-format': 'STATEMENT',
          'sync-binlog': '0',
          'innodb-snapshot-isolation': 'ON',
        },
      }),
    );
    const other = await ServiceDatabase.create('MariaDB', 'doctor', logging);
    const { out } = await runTallystick(['doctor', '--json', '--database-url', other.url]);
    expect((JSON.parse(out) as Found[]).map(({ check, what }) => [check, what])).toEqual([
      ['durability', expect.stringContaining('sync_binlog is 0')],
      ['isolation', expect.stringContaining('innodb_snapshot_isolation is on')],
      ['binary-log', expect.stringContaining('binlog_format is STATEMENT')],
    ]);
    await other.drop();
  });
});
