import { Cleanup, connectTestPostgres, TcpProxy, until } from '@tallystick/services';
import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { Database } from './database';
import { endPool, poolFrom } from './pool';

/** Far longer than a statement takes, also on a busy machine; far shorter than a test may take. */
const ANSWER_TIMEOUT_MS = 1_000;
const CONNECTIONS = 3;

describe('The own connections of the library', () => {
  let cleanup: Cleanup;
  let url: string;
  let proxy: TcpProxy;
  let pool: Pool;
  /** Of the client's end of every connection. */
  let sockets: Socket[];
  let database: Database;

  beforeEach(async () => {
    cleanup = new Cleanup();
    const server = connectTestPostgres();
    url = await server.createDatabase();
    cleanup.defer(() => server.dropDatabase(url));
    proxy = new TcpProxy({ targetHost: new URL(url).hostname, targetPort: Number(new URL(url).port) });
    const through = new URL(url);
    through.port = String(await proxy.listen());
    cleanup.defer(() => proxy.close());
    sockets = [];
    const stream = (): Socket => {
      sockets.push(new Socket());
      return sockets.at(-1)!;
    };
    pool = poolFrom(new DataSource({ type: 'postgres', url: through.href, extra: { stream } }), { max: CONNECTIONS });
    cleanup.defer(() => endPool(pool));
    database = new Database(pool, true, ANSWER_TIMEOUT_MS);
  });
  afterEach(() => cleanup.run());

  const run = async (text: string, prepared: 'own' | 'none' = 'none'): Promise<unknown> =>
    (await database.run({ name: 'test', text, prepared, values: () => [] }, undefined)).rows[0];

  /** Runs it on every connection of the pool, each of which is then open. */
  async function everywhere(text: string): Promise<void> {
    const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => pool.connect()));
    for (const client of clients) await client.query(text);
    for (const client of clients) client.release();
  }

  it('that the network forgot cost one statement its time, and none after it', async () => {
    await everywhere('select');
    proxy.forget();
    await expect(run('select 1 as one')).rejects.toThrow('no answer from the database for 1000 ms');
    // All the others of its age would be as silent.
    for (let index = 0; index < 2 * CONNECTIONS; index++) expect(await run('select 1 as one')).toEqual({ one: '1' });
  });

  it('are given up when a statement takes for ever, and the place is free', async () => {
    await expect(run('select pg_sleep(60)')).rejects.toThrow('no answer');
    await until('the connection is gone', () => pool.totalCount === 0);
    expect(await run('select 1 as one')).toEqual({ one: '1' });
  });

  it('can be ended while the network is silent, in the middle of a statement and twice', async () => {
    await everywhere('select');
    const waiting = run('select pg_sleep(60)');
    const failed = expect(waiting).rejects.toThrow();
    await until('it is under way', () => pool.idleCount < pool.totalCount);
    proxy.freeze();
    await endPool(pool);
    await failed;
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual(sockets.map(() => true));
    await endPool(pool);
    await expect(run('select 1')).rejects.toThrow('after calling end');
  });

  it('do not wait for ever for a server that accepts and does not greet', async () => {
    const target = new URL(url);
    target.port = String(proxy.port);
    const impatient = poolFrom(
      new DataSource({ type: 'postgres', url: target.href, connectTimeoutMS: ANSWER_TIMEOUT_MS }),
      { max: 1 },
    );
    cleanup.defer(() => endPool(impatient));
    proxy.freeze();
    await expect(impatient.query('select 1')).rejects.toThrow(/time/i);
  });

  it('that became read-only are replaced, and what they refused is done at once on a new one', async () => {
    await run('create table taken (id text)');
    await everywhere('set session characteristics as transaction read only');
    for (let index = 0; index < 2 * CONNECTIONS; index++) await run(`insert into taken values (${index})`);
    expect(await run('select count(*) from taken')).toEqual({ count: String(2 * CONNECTIONS) });
  });

  it.each(['discard all', 'deallocate all'])('whose session was reset (%s) prepare anew', async (reset) => {
    for (let index = 0; index < 2; index++) {
      expect(await run('select 1 as one', 'own')).toEqual({ one: '1' });
      await run(reset);
    }
  });

  it('survive that the type of a column changes under them', async () => {
    await run('create table thing (id int)');
    await run('insert into thing values (1)');
    const look = () => run('select id from thing', 'own');
    expect(await look()).toEqual({ id: '1' });
    await run('alter table thing alter id type bigint');
    expect(await look()).toEqual({ id: '1' });
    await run(`alter table thing add note text default '${randomUUID()}'`);
    expect(await look()).toEqual({ id: '1' });
  });

  it('ask again only what was refused: a statement whose connection was lost may have happened', async () => {
    await run('create table taken (id text)');
    const lost = proxy.onceUpstreamContains('insert into taken', 'cutAfter');
    await expect(run("insert into taken values ('once')")).rejects.toThrow();
    await lost;
    await until(
      'it has happened',
      async () => ((await run('select count(*) from taken')) as { count: string }).count > '0',
    );
    expect(await run('select count(*) from taken')).toEqual({ count: '1' });
  });
});
