import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Client } from 'pg';
import { Cleanup, portAnswers, type PostgresServer, startPostgres, testDatabase, until } from './index';
import { isRunning } from './processes';

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new Client(url);
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

jest.setTimeout(60_000);

const directoryOf = (server: PostgresServer): string => / in (.*)$/.exec(server.origin)![1]!;

describe('startPostgres', () => {
  const cleanup = new Cleanup();
  let server: PostgresServer;

  beforeAll(async () => {
    server = cleanup.stopLater(await startPostgres());
  });
  afterAll(() => cleanup.run());

  it('starts a server that logs in on loopback only, keeps what it commits and can prepare transactions', async () => {
    const rows = await query(
      server.url(),
      `select name, setting from pg_settings
       where name in ('listen_addresses', 'unix_socket_directories', 'fsync', 'wal_level', 'server_encoding', 'TimeZone')
       order by name collate "C"`,
    );
    expect(rows).toEqual([
      { name: 'TimeZone', setting: 'UTC' },
      { name: 'fsync', setting: 'on' },
      { name: 'listen_addresses', setting: '127.0.0.1' },
      { name: 'server_encoding', setting: 'UTF8' },
      { name: 'unix_socket_directories', setting: '' },
      { name: 'wal_level', setting: 'logical' },
    ]);
    await query(server.url(), `begin; create table prepared (); prepare transaction 'one'`);
    await query(server.url(), `rollback prepared 'one'`);
  });

  it('copies a database from a template, by name or url', async () => {
    const template = await server.createDatabase('template_of_mine');
    await query(template, `create table note as select 'hello' as text`);
    for (const source of [template, 'template_of_mine']) {
      const copy = await server.createDatabase(undefined, source);
      expect(await query(copy, 'select text from note')).toEqual([{ text: 'hello' }]);
      await server.dropDatabase(copy);
      await expect(query(copy, 'select 1')).rejects.toMatchObject({ code: '3D000' });
    }
  });

  it('drops a database somebody is connected to, and one that does not exist', async () => {
    const url = await server.createDatabase('busy');
    const client = new Client(url);
    const ended = new Promise((resolve) => client.on('error', resolve));
    await client.connect();
    await server.dropDatabase(url);
    await ended;
    await server.dropDatabase('busy');
  });

  it.each([
    ['a crash', () => server.kill().then(() => server.start())],
    ['an immediate restart', () => server.restart('immediate')],
    ['a fast restart', () => server.restart('fast')],
  ])('keeps port and committed rows over %s, and loses open transactions', async (_, fault) => {
    const url = await server.createDatabase();
    await query(url, `create table note as select 'committed' as text`);
    const open = new Client(url);
    const lost = new Promise((resolve) => open.on('error', resolve));
    await open.connect();
    await open.query(`begin; insert into note values ('open')`);
    const pid = server.pid!;

    await fault();

    await lost;
    expect(server.pid).not.toBe(pid);
    expect(await isRunning(pid)).toBe(false);
    expect(await query(url, 'select text from note')).toEqual([{ text: 'committed' }]);
  });

  it('refuses to start twice', async () => {
    await expect(server.start()).rejects.toThrow('runs already');
  });

  it('leaves no process, port or directory behind', async () => {
    const another = await startPostgres({ settings: { fsync: 'off' } });
    const { pid, port } = another;
    expect(existsSync(directoryOf(another))).toBe(true);
    expect(await portAnswers(port)).toBe(true);

    await another.stop();
    await another.stop();
    expect(await isRunning(pid!)).toBe(false);
    expect(await portAnswers(port)).toBe(false);
    expect(existsSync(directoryOf(another))).toBe(false);
  });

  it('can be stopped while it is killed', async () => {
    const another = await startPostgres();
    await another.kill();
    await another.stop();
    expect(another.pid).toBeUndefined();
    expect(existsSync(directoryOf(another))).toBe(false);
  });

  it('says why it could not start, and leaves nothing behind', async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'tallystick-test-'));
    cleanup.defer(() => rm(temporary, { recursive: true }));
    await chmod(temporary, 0o755);
    const restore = process.env.TMPDIR;
    process.env.TMPDIR = temporary;
    try {
      await expect(startPostgres({ settings: { max_connections: 'many' } })).rejects.toThrow(
        /invalid value for parameter "max_connections": "many"/,
      );
    } finally {
      if (restore === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = restore;
    }
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('keeps the data of a directory it was given', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tallystick-kept-'));
    cleanup.defer(() => rm(directory, { recursive: true }));
    const first = await startPostgres({ directory });
    await query(first.url(), `create table note as select 'kept' as text`);
    await first.stop();

    const second = cleanup.stopLater(await startPostgres({ directory }));
    expect(await query(second.url(), 'select text from note')).toEqual([{ text: 'kept' }]);
  });

  it.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)('ends with an owner that dies by %s', async (signal) => {
    const owner = startOwner(`
      require(${JSON.stringify(join(__dirname, 'index.ts'))}).startPostgres()
        .then(({ pid, origin }) => console.log(JSON.stringify({ pid, origin })));
      setInterval(() => {}, 60_000);
    `);
    cleanup.defer(() => owner.kill('SIGKILL'));
    const [line] = (await once(createInterface(owner.stdout), 'line')) as [string];
    const orphan = JSON.parse(line) as PostgresServer;
    expect(await isRunning(orphan.pid!)).toBe(true);

    owner.kill(signal);
    await until('the server ends', async () => !(await isRunning(orphan.pid!)));
    await until('its directory is removed', () => !existsSync(directoryOf(orphan)));
  });

  it('gives each test a database of its own', async () => {
    const [one, other] = [await testDatabase('mine'), await testDatabase('mine')];
    expect(one).not.toBe(other);
    expect(await query(one, 'select 1 as one')).toEqual([{ one: 1 }]);
  });
});

/** A Node process that runs a script, which may load the TypeScript of this package. */
function startOwner(script: string): ChildProcessByStdio<null, Readable, null> {
  const loadTypeScript = `
    require.extensions['.ts'] = (module, file) => module._compile(
      require('@swc/core').transformFileSync(file, {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'commonjs' },
      }).code, file);
  `;
  return spawn(process.execPath, ['-e', loadTypeScript + script], {
    cwd: __dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
