import type { Socket } from 'node:net';
import { connectTestPostgres, until } from '@tallystick/services';
import { Client, Pool, type PoolClient, type QueryResult } from 'pg';
import { type Holding, OutboxClient } from './outbox-client';
import { CuttingRelay } from './cutting-relay.fixture';

type Conversation = PoolClient & Holding & { getTransactionStatus(): string | null };

const streamOf = (client: object): Socket => (client as { connection: { stream: Socket } }).connection.stream;

const BUSINESS = 'insert into business values ($1)';
const ADDED = 'insert into added values ($1)';

describe('An OutboxClient', () => {
  const server = connectTestPostgres();
  let url: string;
  let admin: Client;
  let pool: Pool & { options: { namedStatements?: boolean } };
  let client: Conversation;
  let writes: jest.SpyInstance;

  beforeAll(async () => {
    url = await server.createDatabase();
    admin = new Client(url);
    await admin.connect();
    await admin.query('create table business (id int primary key)');
    await admin.query('create table added (id int primary key)');
    await admin.query('create table deferred (id int, unique (id) deferrable initially deferred)');
  });
  afterAll(async () => {
    await admin.end();
    await server.dropDatabase(url);
  });
  beforeEach(async () => {
    await admin.query('truncate business, added, deferred');
    pool = new Pool({ connectionString: url, Client: OutboxClient, max: 2 } as object);
    client = (await pool.connect()) as Conversation;
    client.on('error', () => {});
    writes = jest.spyOn(streamOf(client), 'write');
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    if (pool.totalCount > pool.idleCount) client.release(true);
    await pool.end();
  });

  const said = (query: Promise<QueryResult>): Promise<unknown> =>
    query.then(
      ({ command, rowCount, rows }) => [command, rowCount, rows],
      ({ code, message }: { code?: string; message: string }) => code ?? message,
    );
  const add = (id: number): Promise<unknown> => said(client.hold({ text: ADDED, values: [id] })!);
  const saved = async (): Promise<unknown> => {
    const { rows } = await admin.query(
      'select array(select id from business order by id) as business, array(select id from added order by id) as added',
    );
    return rows[0];
  };
  const ROW = ['INSERT', 1, []];

  describe('names statements', () => {
    const one = 'select $1::int as n';
    const names = async (): Promise<number> => {
      const { rows } = await client.query<{ n: number }>('select count(*)::int as n from pg_prepared_statements');
      return rows[0]!.n;
    };
    /** No text gives it away. */
    const forget = (): Promise<unknown> => client.query(`do $$ begin execute 'deal' || 'locate all'; end $$`);

    it('that come again, and that have values', async () => {
      await client.query(one, [1]);
      expect(await names()).toBe(0);
      for (let use = 2; use <= 4; use++) await client.query(one, [use]);
      expect(await names()).toBe(1);
      const { rows } = await client.query('select name, statement from pg_prepared_statements');
      expect(rows).toEqual([{ name: 'tallystick_1', statement: one }]);
    });

    it('at once or never where that is asked for', async () => {
      const asked = (named: boolean) => client.query({ text: one, values: [1], named } as object as { text: string });
      for (let use = 1; use <= 3; use++) await asked(false);
      expect(await names()).toBe(0);
      await asked(true);
      expect(await names()).toBe(1);
    });

    it('256 of them, and closes the one that was not used for longest', async () => {
      for (let n = 0; n <= 300; n++)
        for (let use = 1; use <= 2; use++) await client.query(`select $1::int as n${n}`, [use]);
      expect(await names()).toBeLessThanOrEqual(257);
      const { rows } = await client.query(
        `select count(*)::int as n from pg_prepared_statements where statement ~ 'n0$'`,
      );
      expect(rows).toEqual([{ n: 0 }]);
      expect(await said(client.query('select $1::int as n0', [5]))).toEqual(['SELECT', 1, [{ n0: 5 }]]);
    });

    it('anew after a thousand uses, when the best plan may be another one', async () => {
      for (let use = 0; use <= 1_002; use++) await client.query(one, [use]);
      const { rows } = await client.query('select name from pg_prepared_statements');
      expect(rows).toEqual([{ name: 'tallystick_2' }]);
    });

    it('not of more than 8 KB', async () => {
      for (let use = 1; use <= 3; use++) await client.query(`${one} --${'x'.repeat(8_192)}`, [1]);
      expect(await names()).toBe(0);
    });

    it('not where that is switched off, also for connections that are open', async () => {
      for (let use = 1; use <= 2; use++) await client.query(one, [1]);
      pool.options.namedStatements = false;
      for (let use = 1; use <= 3; use++) await client.query('select $1::int as other', [1]);
      expect(await said(client.query(one, [1]))).toEqual(['SELECT', 1, [{ n: 1 }]]);
      expect(await names()).toBe(1);
    });

    it('until the server does not know one: that is asked again without, and its pool names no more', async () => {
      for (let use = 1; use <= 3; use++) await client.query(one, [1]);
      await forget();
      for (let use = 1; use <= 3; use++)
        expect(await said(client.query(one, [use]))).toEqual(['SELECT', 1, [{ n: use }]]);
      expect(pool.options.namedStatements).toBe(false);
      expect(await names()).toBe(0);
    });

    it('until the server knows one already: the same', async () => {
      await client.query('prepare tallystick_1 as select 2');
      for (let use = 1; use <= 3; use++)
        expect(await said(client.query(one, [use]))).toEqual(['SELECT', 1, [{ n: use }]]);
      expect(pool.options.namedStatements).toBe(false);
    });

    it('and begins a transaction again when its first statement went by a stale name', async () => {
      for (let use = 1; use <= 3; use++) {
        await client.query('BEGIN');
        await client.query(BUSINESS, [use]);
        await client.query('COMMIT');
      }
      await forget();
      await client.query('BEGIN');
      const added = add(4);
      expect(await said(client.query(BUSINESS, [4]))).toEqual(ROW);
      expect(await added).toEqual(ROW);
      expect(client.getTransactionStatus()).toBe('T');
      expect(await saved()).toEqual({ business: [1, 2, 3], added: [] });
      await client.query('COMMIT');
      expect(await saved()).toEqual({ business: [1, 2, 3, 4], added: [4] });
    });

    it('and fails once in the middle of one, where what was done before would be lost', async () => {
      for (let use = 1; use <= 3; use++) await client.query(one, [1]);
      await client.query('BEGIN');
      await client.query(BUSINESS, [1]);
      await forget();
      expect(await said(client.query(one, [1]))).toBe('26000');
      expect(await said(client.query('select 1'))).toBe('25P02');
      await client.query('ROLLBACK');
      expect(await said(client.query(one, [1]))).toEqual(['SELECT', 1, [{ n: 1 }]]);
    });

    it('and fails once when others wait behind it: they would be asked in another transaction', async () => {
      for (let use = 1; use <= 3; use++) await client.query(BUSINESS, [use]);
      await forget();
      const begun = [
        client.query('BEGIN'),
        client.query(BUSINESS, [4]),
        client.query(BUSINESS, [5]),
        client.query('COMMIT'),
      ];
      expect(await Promise.all(begun.map(said))).toEqual([
        ['BEGIN', null, []],
        '26000',
        '25P02',
        ['ROLLBACK', null, []],
      ]);
      await client.query('select 1');
      expect(client.getTransactionStatus()).toBe('I');
      expect(await saved()).toEqual({ business: [1, 2, 3], added: [] });
    });
  });

  describe('saves round trips:', () => {
    it('BEGIN goes with the first statement, what is held goes with COMMIT, each in one write', async () => {
      await client.query('START TRANSACTION');
      expect(writes).toHaveBeenCalledTimes(0);
      await client.query(BUSINESS, [1]);
      expect(writes).toHaveBeenCalledTimes(1);
      const added = [add(1), add(2)];
      expect(writes).toHaveBeenCalledTimes(1);
      expect(await said(client.query('COMMIT'))).toEqual(['COMMIT', null, []]);
      expect(writes).toHaveBeenCalledTimes(2);
      expect(await Promise.all(added)).toEqual([ROW, ROW]);
      expect(await saved()).toEqual({ business: [1], added: [1, 2] });
    });

    it('a transaction with nothing in it is never sent, nor what is added to it and undone', async () => {
      for (const end of ['COMMIT', 'ROLLBACK']) {
        await client.query('BEGIN');
        await client.query('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE');
        await client.query(end);
      }
      await client.query('BEGIN');
      const added = add(1);
      await client.query('ROLLBACK');
      expect(await added).toBe('It was rolled back before it was sent');
      expect(writes).toHaveBeenCalledTimes(0);
      expect(client.getTransactionStatus()).toBe('I');
    });

    it('and is in a transaction from BEGIN on, whether or not the server has told so', async () => {
      expect(client.getTransactionStatus()).toBe('I');
      await client.query('BEGIN');
      expect(client.getTransactionStatus()).toBe('T');
      const first = said(client.query(BUSINESS, ['not a number']));
      expect(client.getTransactionStatus()).toBe('T');
      expect(await first).toBe('22P02');
      await client.query('ROLLBACK');
      expect(client.getTransactionStatus()).toBe('I');
    });

    it('but a connection that was not heard of for a second is asked whether it is there', async () => {
      const now = performance.now();
      jest.spyOn(performance, 'now').mockReturnValue(now + 1_500);
      await client.query('BEGIN');
      expect(writes).toHaveBeenCalledTimes(1);
      await client.query('COMMIT');
      await client.query('BEGIN');
      expect(writes).toHaveBeenCalledTimes(2);
    });
  });

  describe('holds what is added to a transaction', () => {
    it('in its place: what is asked behind it finds it', async () => {
      await client.query('BEGIN');
      await client.query(BUSINESS, [1]);
      const added = add(1);
      expect(await said(client.query('delete from added where id = $1', [1]))).toEqual(['DELETE', 1, []]);
      expect(await added).toEqual(ROW);
      await client.query('COMMIT');
      expect(await saved()).toEqual({ business: [1], added: [] });
    });

    it.each<[string, () => Promise<unknown>]>([
      ['several statements in one text', () => client.query('insert into business values (2); COMMIT')],
      ['a callback', () => new Promise((resolve) => client.query('COMMIT', resolve as () => void))],
      ['a name', () => client.query({ name: 'end', text: 'COMMIT' })],
      ['what chains the next one', () => client.query('COMMIT AND NO CHAIN')],
      ['END', () => client.query('END')],
    ])('in its place also before a COMMIT by %s', async (_, commit) => {
      await client.query('BEGIN');
      await client.query(BUSINESS, [1]);
      const added = add(1);
      await commit();
      expect(await added).toEqual(ROW);
      expect(await saved()).toMatchObject({ added: [1] });
      expect(client.getTransactionStatus()).toBe('I');
    });

    it('and fails COMMIT with it: nothing is saved, and the connection goes on', async () => {
      await admin.query(ADDED, [1]);
      await client.query('BEGIN');
      await client.query(BUSINESS, [1]);
      const held = client.hold({ text: ADDED, values: [1] })!;
      const [first, second] = await Promise.allSettled([held, client.query('COMMIT')]);
      expect(first).toMatchObject({ status: 'rejected', reason: { code: '23505', constraint: 'added_pkey' } });
      expect(second).toEqual(first);
      await client.query('ROLLBACK');
      expect(await saved()).toEqual({ business: [], added: [1] });
      expect(await said(client.query(BUSINESS, [2]))).toEqual(ROW);
    });

    it('and tells it apart from a COMMIT that is refused', async () => {
      await client.query('BEGIN');
      await client.query('insert into deferred values ($1), ($1)', [1]);
      const added = add(1);
      expect(await said(client.query('COMMIT'))).toBe('23505');
      expect(await added).toEqual(ROW);
      expect(await saved()).toEqual({ business: [], added: [] });
      await client.query('select 1'); // what the server says of the transaction may come after the error
      expect(client.getTransactionStatus()).toBe('I');
    });

    it('and can lose against another transaction, itself or at COMMIT', async () => {
      await admin.query(ADDED, [1]);
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await client.query('select $1::int', [1]);
      await admin.query('update added set id = 2');
      const update = client.hold({ text: 'update added set id = $1', values: [3] })!;
      expect(await Promise.all([said(update), said(client.query('COMMIT'))])).toEqual(['40001', '40001']);
      await client.query('ROLLBACK');

      await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
      await client.query('select * from business');
      await admin.query('begin isolation level serializable');
      await admin.query('select * from added');
      await admin.query('insert into business values (1)');
      await admin.query('commit');
      const outcome = await Promise.all([add(1), said(client.query('COMMIT'))]);
      expect(outcome[1]).toBe('40001');
      await client.query('ROLLBACK');
      expect(await saved()).toEqual({ business: [1], added: [2] });
    });

    it('not outside of a transaction, in one that failed, nor while something is asked', async () => {
      expect(client.hold({ text: ADDED, values: [1] })).toBeUndefined();
      await client.query('BEGIN');
      const asking = client.query(BUSINESS, [1]);
      expect(client.hold({ text: ADDED, values: [1] })).toBeUndefined();
      await asking;
      await client.query('select 1 / 0').catch(() => {});
      expect(client.hold({ text: ADDED, values: [1] })).toBeUndefined();
      await client.query('ROLLBACK');
    });

    it('where a savepoint is opened behind it, and gives up what one undoes', async () => {
      await client.query('BEGIN');
      const kept = add(1);
      await client.query('SAVEPOINT a');
      const undone = add(2);
      await client.query('ROLLBACK TO SAVEPOINT a');
      const inside = add(3);
      await client.query('RELEASE SAVEPOINT a');
      await client.query('COMMIT');
      expect(await Promise.all([kept, undone, inside])).toEqual([ROW, 'It was rolled back before it was sent', ROW]);
      expect(await saved()).toEqual({ business: [], added: [1, 3] });
    });

    it('and takes it along to the end of a connection that is given back', async () => {
      await client.query('BEGIN');
      await client.query(BUSINESS, [1]);
      const added = add(1);
      const removed = new Promise((resolve) => pool.once('remove', resolve));
      client.release();
      expect(await added).toBe('The connection was given back in the middle of a transaction');
      expect(await removed).toBe(client);
      expect(await saved()).toEqual({ business: [], added: [] });
    });

    it('and fails with a connection that ends', async () => {
      await client.query('BEGIN');
      const added = add(1);
      streamOf(client).destroy();
      expect(await added).toBe('Connection terminated');
    });

    it('and is told when the server ended the session meanwhile', async () => {
      await client.query('BEGIN');
      await client.query('set local idle_in_transaction_session_timeout = 50');
      const added = add(1);
      await new Promise((resolve) => client.once('error', resolve));
      const commit = said(client.query('COMMIT'));
      expect(await commit).toMatch(/not queryable/);
      expect(await added).toMatch(/not queryable|terminated/);
      expect(await saved()).toEqual({ business: [], added: [] });
    });

    it('and is cancelled with what it waits for', async () => {
      await admin.query('begin');
      await admin.query(ADDED, [1]);
      await client.query('BEGIN');
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      const added = add(1);
      const commit = said(client.query('COMMIT'));
      const waits = `select pg_cancel_backend(pid) from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'`;
      while ((await admin.query(waits, [rows[0]!.pid])).rowCount === 0);
      expect(await Promise.all([added, commit])).toEqual(['57014', '57014']);
      await client.query('ROLLBACK');
      await admin.query('rollback');
    });
  });

  it('ends itself when a BEGIN fails that was answered: nothing may run outside of the transaction', async () => {
    await client.query('BEGIN');
    await client.query(BUSINESS, [1]);
    await client.query('COMMIT');
    await client.query(`do $$ begin execute 'deal' || 'locate all'; end $$`);
    const asked = [client.query('BEGIN'), client.query(BUSINESS, [2]), client.query(BUSINESS, [3])];
    expect(await Promise.all(asked.map(said))).toEqual([
      ['BEGIN', null, []],
      '26000',
      'Connection terminated unexpectedly',
    ]);
    expect(await saved()).toEqual({ business: [1], added: [] });
  });

  describe('whose connection is cut', () => {
    let relay: CuttingRelay;

    beforeEach(async () => {
      relay = await CuttingRelay.to(new URL(url));
    });
    afterEach(() => relay.close());

    /** What both promises came to, and what is saved, when [insert, COMMIT] or its answer is cut after so many bytes. */
    async function cut(direction: 'up' | 'down', after: number): Promise<{ told: unknown[]; saved: unknown }> {
      await admin.query('truncate business, added');
      const config = { connectionString: relay.url.href, application_name: 'cut' };
      const connection = new OutboxClient(config) as Client & Conversation;
      connection.on('error', () => {});
      await connection.connect();
      await connection.query('BEGIN');
      await connection.query(BUSINESS, [1]);
      const added = connection.hold({ text: ADDED, values: [1] })!;
      void relay.cut(direction, after);
      const both = await Promise.allSettled([added, connection.query('COMMIT')]);
      size = relay.passed;
      await connection.end();
      const alive = `select from pg_stat_activity where application_name = 'cut'`;
      await until('the server has noticed', async () => (await admin.query(alive)).rowCount === 0);
      return { told: both.map(({ status }) => status), saved: await saved() };
    }
    let size: number;
    const ALL = { business: [1], added: [1] };
    const NOTHING = { business: [], added: [] };

    const FAILED = ['rejected', 'rejected'];

    it('at any byte of [insert, COMMIT] fails both, and has saved both or nothing', async () => {
      expect(await cut('up', Infinity)).toEqual({ told: ['fulfilled', 'fulfilled'], saved: ALL });
      const whole = size;
      for (let after = 0; after < whole; after += 3) {
        // The last five bytes are Sync: COMMIT is complete without.
        const expected = after < whole - 5 ? NOTHING : ALL;
        expect([after, await cut('up', after)]).toEqual([after, { told: FAILED, saved: expected }]);
      }
    });

    it('at any byte of the answer fails both, although both are saved', async () => {
      await cut('down', Infinity);
      const whole = size;
      for (let after = 0; after < whole; after++) {
        expect([after, await cut('down', after)]).toEqual([after, { told: FAILED, saved: ALL }]);
      }
    });
  });
});
