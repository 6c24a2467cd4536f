import { existsSync } from 'node:fs';
import { createConnection } from 'mysql2/promise';
import { Cleanup, findMariaDb, type MariaDbServer, portAnswers, startMariaDb } from './index';
import { isRunning } from './processes';

async function query(url: string, ...statements: string[]): Promise<unknown> {
  const connection = await createConnection({ uri: url });
  try {
    let rows: unknown;
    for (const statement of statements) [rows] = await connection.query(statement);
    return rows;
  } finally {
    await connection.end();
  }
}

const directoryOf = (server: MariaDbServer): string => / in (.*)$/.exec(server.origin)![1]!;

describe('startMariaDb', () => {
  const cleanup = new Cleanup();
  let server: MariaDbServer;

  beforeAll(async () => {
    server = cleanup.stopLater(await startMariaDb({ install: true }));
  });
  afterAll(() => cleanup.run());

  it('starts a server that listens on loopback only, and writes what it acknowledges', async () => {
    const names = ['bind_address', 'innodb_flush_log_at_trx_commit', 'port', 'transaction_isolation', 'tx_isolation'];
    const list = names.map((name) => `'${name}'`).join(', ');
    const rows = (await query(server.url(''), `show global variables where Variable_name in (${list})`)) as {
      Variable_name: string;
      Value: string;
    }[];
    const values = Object.fromEntries(rows.map(({ Variable_name, Value }) => [Variable_name, Value]));
    expect(values).toMatchObject({
      bind_address: '127.0.0.1',
      innodb_flush_log_at_trx_commit: '1',
      port: String(server.port),
    });
    expect(await server.version()).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('gives everybody an empty database, which is gone when it is dropped', async () => {
    const [one, other] = [await server.createDatabase(), await server.createDatabase()];
    await query(one, 'create table note (text text)');
    expect(await query(other, 'show tables')).toEqual([]);
    await server.dropDatabase(one);
    await server.dropDatabase(one);
    await expect(query(one, 'select 1')).rejects.toMatchObject({ errno: 1049 });
  });

  it('has what it committed after it was killed', async () => {
    const url = await server.createDatabase();
    await query(url, 'create table note (text varchar(9))', "insert into note values ('kept')");
    const { pid } = server;
    await server.kill();
    expect([await isRunning(pid!), await portAnswers(server.port)]).toEqual([false, false]);
    await server.start();
    expect(await query(url, 'select text from note')).toEqual([{ text: 'kept' }]);
  });

  it('takes settings', async () => {
    const another = await startMariaDb({ settings: { 'max-connections': '77' } });
    try {
      expect(await query(another.url(''), 'select @@max_connections as max')).toEqual([{ max: 77 }]);
    } finally {
      await another.stop();
    }
  });

  it('leaves no process, port and file behind', async () => {
    const another = await startMariaDb();
    const { pid, port } = another;
    await another.stop();
    await another.stop();
    expect([await isRunning(pid!), await portAnswers(port), existsSync(directoryOf(another))]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('says what is wrong with its configuration', async () => {
    await expect(startMariaDb({ settings: { 'no-such-variable': '1' } })).rejects.toThrow(/no-such-variable/);
  });
});

describe('findMariaDb', () => {
  const { MARIADB_URL } = process.env;
  afterEach(() => {
    if (MARIADB_URL === undefined) delete process.env.MARIADB_URL;
    else process.env.MARIADB_URL = MARIADB_URL;
  });

  it('takes the server of MARIADB_URL as it is, and leaves it running', async () => {
    const theirs = await startMariaDb();
    try {
      process.env.MARIADB_URL = theirs.url('');
      const given = await findMariaDb();
      expect([given.started, given.origin]).toEqual([false, 'the server of MARIADB_URL']);
      const url = await given.createDatabase();
      await given.dropDatabase(url);
      await given.stop();
      expect(await portAnswers(theirs.port)).toBe(true);
    } finally {
      await theirs.stop();
    }
  });
});
