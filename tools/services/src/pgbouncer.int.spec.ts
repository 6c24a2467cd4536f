import { Client } from 'pg';
import { Cleanup, connectTestPostgres, type PgBouncerServer, portAnswers, startPgBouncer } from './index';
import { isRunning } from './processes';

describe('startPgBouncer', () => {
  const cleanup = new Cleanup();
  const postgres = connectTestPostgres();
  let pooler: PgBouncerServer;
  let direct: string;

  beforeAll(async () => {
    pooler = cleanup.stopLater(await startPgBouncer(postgres));
    direct = await postgres.createDatabase();
  });
  afterAll(() => cleanup.run());

  async function connected(user = 'postgres'): Promise<Client> {
    const url = new URL(pooler.url(direct));
    url.username = user;
    const client = new Client(url.href);
    await client.connect();
    cleanup.defer(() => client.end());
    return client;
  }
  const backendOf = async (client: Client): Promise<number> =>
    (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid;

  it('lets many clients share one connection to the server, a transaction each', async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => connected()));
    const backends = new Set<number>();
    for (const client of clients) backends.add(await backendOf(client));
    expect(backends.size).toBe(1);
    const pool = (await pooler.console('show pools')).find(({ database }) => direct.endsWith(`/${String(database)}`));
    expect(pool).toMatchObject({ pool_mode: 'transaction', cl_active: 5, sv_idle: 1, sv_active: 0 });
  });

  it('gives a client another session after each transaction', async () => {
    const [one, other] = [await connected(), await connected()];
    await one.query('begin');
    await other.query('select'); // so there are two connections to the server
    await one.query('commit');
    const [first, second] = [await backendOf(one), await backendOf(one)];
    expect(first).not.toBe(second);
  });

  it('lets in roles that were created after it was started', async () => {
    const admin = await connected();
    await admin.query('create role late_comer login');
    cleanup.defer(() => admin.query('drop role late_comer'));
    const { rows } = await (await connected('late_comer')).query('select current_user');
    expect(rows).toEqual([{ current_user: 'late_comer' }]);
  });

  it('leaves no process and no port behind', async () => {
    const another = await startPgBouncer(postgres);
    const { pid, port } = another;
    expect(await isRunning(pid!)).toBe(true);
    await another.stop();
    await another.stop();
    expect([await isRunning(pid!), await portAnswers(port)]).toEqual([false, false]);
  });

  it('says what is wrong with its configuration', async () => {
    await expect(startPgBouncer(postgres, { settings: { pool_mode: 'sometimes' } })).rejects.toThrow(/pool_mode/);
  });
});
