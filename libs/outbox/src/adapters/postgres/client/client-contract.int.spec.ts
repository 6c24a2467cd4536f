import { connectTestPostgres } from '@tallystick/services';
import { Client, type QueryResult, type Submittable } from 'pg';
import { OutboxClient } from './outbox-client';

/**
 * What an application may rely on, whichever client its pool has. Expectations are typed by hand: they are what `pg` does.
 * Where the two differ, the case says so.
 */
describe.each([
  { name: "pg's Client", Kind: Client, holds: false },
  { name: 'OutboxClient', Kind: OutboxClient, holds: true },
])('$name', ({ Kind, holds }) => {
  const server = connectTestPostgres();
  let url: string;
  let admin: Client;
  let client: Client;

  beforeAll(async () => {
    url = await server.createDatabase();
    admin = new Client(url);
    await admin.connect();
    await admin.query('create table t (id int primary key, v text)');
    await admin.query('create table deferred (id int, unique (id) deferrable initially deferred)');
  });
  afterAll(async () => {
    await admin.end();
    await server.dropDatabase(url);
  });
  beforeEach(async () => {
    await admin.query('truncate t, deferred');
    client = await connected();
  });
  afterEach(() => client.end());

  async function connected(config: object = {}): Promise<Client> {
    const connecting = new Kind({ connectionString: url, ...config });
    connecting.on('error', () => {});
    await connecting.connect();
    return connecting;
  }
  const status = (): string | null =>
    (client as unknown as { getTransactionStatus(): string | null }).getTransactionStatus();
  const said = (query: Promise<QueryResult>): Promise<unknown> =>
    query.then(
      ({ command, rowCount, rows }) => [command, rowCount, rows],
      ({ code, message }: { code?: string; message: string }) => code ?? message,
    );
  const saved = async (): Promise<number[]> => {
    const { rows } = await admin.query<{ id: number }>('select id from t order by id');
    return rows.map(({ id }) => id);
  };
  const insert = 'insert into t values ($1, $2)';

  describe('a statement', () => {
    it('is answered with its rows, its command and how many there were, each time the same', async () => {
      for (let use = 1; use <= 4; use++) {
        const { command, rowCount, rows, fields } = await client.query('select $1::int as n, $2::text as t', [
          use,
          'x',
        ]);
        expect([command, rowCount, rows]).toEqual(['SELECT', 1, [{ n: use, t: 'x' }]]);
        expect(fields.map(({ name, dataTypeID }) => [name, dataTypeID])).toEqual([
          ['n', 23],
          ['t', 25],
        ]);
        expect(await said(client.query(insert, [use, 'a']))).toEqual(['INSERT', 1, []]);
        expect(await said(client.query('update t set v = $1 where id < 0', ['b']))).toEqual(['UPDATE', 0, []]);
      }
    });

    it('takes values of every kind', async () => {
      const values = [1, 'text', null, undefined, true, new Date(0), Buffer.from('bytes'), { a: 1 }, [1, 2]];
      const select =
        'select $1::int a, $2::text b, $3::int c, $4::int d, $5::bool e, $6::timestamptz f, $7::bytea g, $8::json h, $9::int[] i';
      for (let use = 1; use <= 3; use++) {
        const { rows } = await client.query(select, values);
        expect(rows).toEqual([
          {
            a: 1,
            b: 'text',
            c: null,
            d: null,
            e: true,
            f: new Date(0),
            g: Buffer.from('bytes'),
            h: { a: 1 },
            i: [1, 2],
          },
        ]);
      }
    });

    it('fails with the code of the server, and the next one is not affected, also when it is the same', async () => {
      for (let use = 1; use <= 3; use++) {
        expect(await said(client.query('select 1 / $1::int as n', [0]))).toBe('22012');
        expect(await said(client.query('select $1::int as n', ['x']))).toBe('22P02');
        expect(await said(client.query('select nothing from t where id = $1', [1]))).toBe('42703');
        expect(await said(client.query('select 1 / $1::int as n', [1]))).toEqual(['SELECT', 1, [{ n: 1 }]]);
      }
    });

    it('leads its error back to who asked', async () => {
      async function whoAsked(): Promise<void> {
        await client.query('select 1 / $1::int', [0]);
      }
      const error = (await whoAsked().catch((reason: unknown) => reason)) as Error;
      expect(error.stack).toContain('whoAsked');
    });

    it('whose value cannot be written fails, and the next one is not affected', async () => {
      const broken = {
        toPostgres: () => {
          throw new Error('not writable');
        },
      };
      for (let use = 1; use <= 3; use++) {
        await expect(client.query('select $1::text as t', [broken])).rejects.toThrow('not writable');
        expect(await said(client.query('select $1::text as t', ['x']))).toEqual(['SELECT', 1, [{ t: 'x' }]]);
      }
    });

    it('whose row cannot be read fails, and the next one is not affected', async () => {
      const types = {
        getTypeParser: () => () => {
          throw new Error('not readable');
        },
      };
      for (let use = 1; use <= 3; use++) {
        const config = { text: 'select $1::text as t', values: ['x'], types };
        await expect(client.query(config as never)).rejects.toThrow('not readable');
        expect(await said(client.query('select $1::text as t', ['x']))).toEqual(['SELECT', 1, [{ t: 'x' }]]);
      }
    });

    it('is read by the type parsers of its client', async () => {
      client.setTypeParser(20, (text) => BigInt(text as never));
      for (let use = 1; use <= 3; use++)
        expect((await client.query('select $1::bigint as n', [5])).rows).toEqual([{ n: 5n }]);
    });

    it('is refused when its values are no array, and the next one is not affected', async () => {
      await expect(client.query('select $1::text as t', { 0: 'x' } as never)).rejects.toThrow('must be an array');
      expect(await said(client.query('select $1::int as n', [1]))).toEqual(['SELECT', 1, [{ n: 1 }]]);
    });

    it('waits for those that were asked before', async () => {
      const all = [1, 2, 3, 4].map((n) => said(client.query('select $1::int as n', [n])));
      expect(await Promise.all(all)).toEqual([1, 2, 3, 4].map((n) => ['SELECT', 1, [{ n }]]));
    });

    it('may be anything else that pg takes', async () => {
      const several = (await client.query('select 1 as a; select 2 as b')) as unknown as QueryResult[];
      expect(several.map(({ rows }) => rows)).toEqual([[{ a: 1 }], [{ b: 2 }]]);
      expect(await said(client.query(''))).toEqual([null, null, []]);
      const called = new Promise<QueryResult>((resolve, reject) => {
        client.query('select $1::int as n', [7], (error, result) => (error ? reject(error) : resolve(result)));
      });
      expect(await said(called)).toEqual(['SELECT', 1, [{ n: 7 }]]);
      const arrays = await client.query({ text: 'select 1, $1::int', values: [2], rowMode: 'array' });
      expect(arrays.rows).toEqual([[1, 2]]);
      const named = { name: 'mine', text: 'select $1::int as n', values: [3] };
      for (let use = 1; use <= 2; use++) expect(await said(client.query(named))).toEqual(['SELECT', 1, [{ n: 3 }]]);
      const { rows } = await client.query(`select count(*)::int as n from pg_prepared_statements where name = 'mine'`);
      expect(rows).toEqual([{ n: 1 }]);
      await expect(client.query({ name: 'mine', text: 'select 4' })).rejects.toThrow('must be unique');
      await expect(client.query('copy t from stdin')).rejects.toThrow('No source stream');
      expect(() => client.query(null as never)).toThrow(TypeError);
    });

    it('is told of by notices and notifications', async () => {
      const heard: unknown[] = [];
      client.on('notice', ({ message }) => heard.push(message));
      client.on('notification', ({ channel, payload }) => heard.push([channel, payload]));
      await client.query('listen news');
      await client.query('begin');
      await client.query(`do $$ begin raise notice 'said'; end $$`);
      await client.query('select pg_notify($1, $2)', ['news', 'x']);
      await client.query('commit');
      await client.query('select 1');
      expect(heard).toEqual(['said', ['news', 'x']]);
    });

    it('is read through a cursor, outside of a transaction and as the first of one', async () => {
      for (const begin of [false, true]) {
        if (begin) await client.query('BEGIN');
        expect(await client.query(new Cursor('select generate_series(1, 5) as n')).all(2)).toEqual([
          '1',
          '2',
          '3',
          '4',
          '5',
        ]);
        if (begin) expect(await said(client.query('COMMIT'))).toEqual(['COMMIT', null, []]);
      }
    });

    it('is stopped by the time-outs that the session, the statement or the connection have', async () => {
      await client.query('BEGIN');
      await client.query('set local statement_timeout = 50');
      expect(await said(client.query('select pg_sleep($1)', [60]))).toBe('57014');
      await client.query('ROLLBACK');
      await expect(
        client.query({ text: 'select pg_sleep($1)', values: [0.3], query_timeout: 20 } as never),
      ).rejects.toThrow('Query read timeout');

      const impatient = await connected({ query_timeout: 20 });
      await impatient.query('BEGIN');
      await expect(impatient.query('select pg_sleep($1)', [0.3])).rejects.toThrow('Query read timeout');
      await impatient.end();
    });
  });

  describe('a transaction', () => {
    it.each(['BEGIN', 'begin work', 'START TRANSACTION', 'start transaction isolation level read committed'])(
      'opened by %s is open from then on, and commits',
      async (begin) => {
        expect(status()).toBe('I');
        expect(await said(client.query(begin))).toEqual([begin.split(' ')[0]!.toUpperCase(), null, []]);
        expect(status()).toBe('T');
        expect(await said(client.query(insert, [1, 'a']))).toEqual(['INSERT', 1, []]);
        expect(status()).toBe('T');
        expect(await saved()).toEqual([]);
        expect(await said(client.query('COMMIT'))).toEqual(['COMMIT', null, []]);
        expect(status()).toBe('I');
        expect(await saved()).toEqual([1]);
      },
    );

    it('with nothing in it is over when it is ended', async () => {
      for (const end of ['COMMIT', 'ROLLBACK']) {
        await client.query('START TRANSACTION');
        expect(await said(client.query(end))).toEqual([end, null, []]);
        expect(status()).toBe('I');
        await client.query(insert, [end.length, 'a']);
      }
      expect(await saved()).toEqual([6, 8]);
    });

    it('leaves nothing behind when it is rolled back', async () => {
      await client.query('BEGIN');
      await client.query('create table ddl (a int)');
      await client.query(insert, [1, 'a']);
      expect(await said(client.query('ROLLBACK'))).toEqual(['ROLLBACK', null, []]);
      expect(await saved()).toEqual([]);
      expect(await said(client.query('select * from ddl where a = $1', [1]))).toBe('42P01');
    });

    it('has the isolation level that was asked for, in one statement or in two', async () => {
      const level = async (): Promise<unknown> => {
        const { rows } = await client.query('show transaction_isolation');
        await client.query('ROLLBACK');
        return (rows[0] as { transaction_isolation: string }).transaction_isolation;
      };
      await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY');
      expect(await level()).toBe('serializable');
      await client.query('START TRANSACTION');
      expect(await said(client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ'))).toEqual(['SET', null, []]);
      expect(await level()).toBe('repeatable read');
    });

    it('is not opened twice: that is a warning', async () => {
      const warnings: unknown[] = [];
      client.on('notice', ({ code }) => warnings.push(code));
      await client.query('BEGIN');
      await client.query('BEGIN');
      await client.query(insert, [1, 'a']);
      await client.query('COMMIT');
      await client.query('COMMIT');
      expect(warnings).toEqual(['25001', '25P01']);
      expect(await saved()).toEqual([1]);
    });

    it.each([
      ['its first', []],
      ['a later', [1]],
    ])(
      'is given up when %s statement fails: nothing more runs in it, and COMMIT answers ROLLBACK',
      async (_, before) => {
        await client.query('BEGIN');
        for (const id of before) await client.query(insert, [id, 'a']);
        expect(await said(client.query(insert, ['x', 'a']))).toBe('22P02');
        expect(await said(client.query('select 1'))).toBe('25P02');
        expect(status()).toBe('E');
        expect(await said(client.query('select $1::int', [1]))).toBe('25P02');
        expect(await said(client.query('COMMIT'))).toEqual(['ROLLBACK', null, []]);
        expect(status()).toBe('I');
        expect(await saved()).toEqual([]);
      },
    );

    it('goes on from a savepoint', async () => {
      await client.query('BEGIN');
      await client.query('SAVEPOINT a');
      expect(await said(client.query('select 1 / 0'))).toBe('22012');
      expect(await said(client.query('ROLLBACK TO SAVEPOINT a'))).toEqual(['ROLLBACK', null, []]);
      await client.query(insert, [1, 'a']);
      await client.query('SAVEPOINT b');
      await client.query(insert, [2, 'a']);
      await client.query('RELEASE SAVEPOINT b');
      expect(await said(client.query('COMMIT'))).toEqual(['COMMIT', null, []]);
      expect(await saved()).toEqual([1, 2]);
    });

    it('can be refused at COMMIT', async () => {
      await client.query('BEGIN');
      await client.query('insert into deferred values (1), (1)');
      expect(await said(client.query('COMMIT'))).toBe('23505');
      await client.query('select 1');
      expect(status()).toBe('I');
    });

    it('that is implicit can be refused when its statement is done', async () => {
      for (let use = 1; use <= 3; use++)
        expect(await said(client.query('insert into deferred values ($1), ($1)', [1]))).toBe('23505');
      expect(await said(client.query('select count(*)::int as n from deferred'))).toEqual(['SELECT', 1, [{ n: 0 }]]);
    });

    it('can lose against another one', async () => {
      await client.query(insert, [1, 'a']);
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      await client.query('select v from t where id = $1', [1]);
      await admin.query(`update t set v = 'b'`);
      expect(await said(client.query('update t set v = $1', ['c']))).toBe('40001');
      expect(await said(client.query('ROLLBACK'))).toEqual(['ROLLBACK', null, []]);
    });

    it('may take several statements in one text, also as its first and also its end', async () => {
      await client.query('BEGIN');
      await client.query(`insert into t values (1, ';'); insert into t values (2, 'b')`);
      await client.query('insert into t values (3, null); COMMIT');
      expect(status()).toBe('I');
      expect(await saved()).toEqual([1, 2, 3]);
    });

    it('may begin with anything', async () => {
      for (const [text, code] of [
        ['vacuum t', '25001'],
        ['copy t from stdin', '57014'],
        ['/* a */ copy t from stdin', '57014'],
      ]) {
        await client.query('BEGIN');
        expect(await said(client.query(text!))).toBe(code);
        expect(await said(client.query('ROLLBACK'))).toEqual(['ROLLBACK', null, []]);
      }
      await client.query('BEGIN');
      expect(await said(client.query('explain (costs off) select 1'))).toEqual([
        'EXPLAIN',
        null,
        [{ 'QUERY PLAN': 'Result' }],
      ]);
      await client.query('ROLLBACK');
      await client.query('BEGIN');
      expect(await said(client.query('prepare p as select 5 as n'))).toEqual(['PREPARE', null, []]);
      expect(await said(client.query('execute p'))).toEqual(['SELECT', 1, [{ n: 5 }]]);
      await client.query('COMMIT');
    });

    it('is chained to the next one', async () => {
      await client.query('BEGIN');
      await client.query(insert, [1, 'a']);
      await client.query('COMMIT AND CHAIN');
      expect(status()).toBe('T');
      await client.query(insert, [2, 'a']);
      await client.query('ROLLBACK AND CHAIN');
      expect(status()).toBe('T');
      await client.query('ROLLBACK');
      expect(await saved()).toEqual([1]);
    });
  });

  describe('a connection', () => {
    it('that is ended by the server fails what is asked, and what is asked later', async () => {
      await client.query('BEGIN');
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      const asleep = said(client.query('select pg_sleep($1)', [600]));
      await admin.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
      expect(await asleep).toBe('57P01');
      await expect(client.query('select 1')).rejects.toThrow(/not queryable|terminated|ECONNRESET|EPIPE/);
    });

    it('whose session was reset goes on', async () => {
      const select = (): Promise<unknown> => said(client.query('select $1::int as n', [1]));
      for (let use = 1; use <= 3; use++) await select();
      for (const reset of ['DISCARD ALL', 'deallocate all', 'DISCARD PLANS']) {
        await client.query(reset);
        for (let use = 1; use <= 3; use++) expect(await select()).toEqual(['SELECT', 1, [{ n: 1 }]]);
      }
    });

    it('sees new columns', async () => {
      await client.query('create temp table grows (a int)');
      const select = (): Promise<unknown> => said(client.query('select * from grows where a = $1 or true', [1]));
      await client.query('insert into grows values (1)');
      for (let use = 1; use <= 3; use++) expect(await select()).toEqual(['SELECT', 1, [{ a: 1 }]]);
      await client.query('alter table grows add b int');
      for (let use = 1; use <= 3; use++) expect(await select()).toEqual(['SELECT', 1, [{ a: 1, b: null }]]);
      await client.query('alter table grows add c int');
      await client.query('BEGIN');
      expect(await select()).toEqual(['SELECT', 1, [{ a: 1, b: null, c: null }]]);
      await client.query('COMMIT');
    });

    it('sees new columns in the middle of a transaction', async () => {
      await client.query('create temp table grows (a int)');
      const select = (): Promise<unknown> => said(client.query('select * from grows where a = $1 or true', [1]));
      for (let use = 1; use <= 3; use++) expect(await select()).toEqual(['SELECT', 0, []]);
      await client.query('BEGIN');
      await client.query('alter table grows add b int');
      // The exception: what is prepared by name fails once, and with it the transaction.
      expect(await select()).toEqual(holds ? '0A000' : ['SELECT', 0, []]);
      await client.query('ROLLBACK');
      for (let use = 1; use <= 3; use++) expect(await select()).toEqual(['SELECT', 0, []]);
    });

    it('tells in a transaction the time of its beginning, which is that of its first statement', async () => {
      await client.query('BEGIN');
      const { rows } = await admin.query<{ later: string }>('select clock_timestamp()::text as later');
      const begun = await client.query<{ after: boolean }>('select now() > $1 as after', [rows[0]!.later]);
      // The exception: BEGIN is not sent before there is something to do.
      expect(begun.rows).toEqual([{ after: holds }]);
      await client.query('COMMIT');
    });
  });
});

/** As pg-cursor does it: a portal that is read in pieces, with one Sync in the end. */
class Cursor implements Submittable {
  private readonly rows: string[] = [];
  private readonly done: Promise<string[]>;
  private resolve!: (rows: string[]) => void;
  private reject!: (error: Error) => void;
  private size = 0;

  constructor(private readonly text: string) {
    this.done = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
  }
  all(size: number): Promise<string[]> {
    this.size = size;
    return this.done;
  }
  submit = (connection: unknown): void => {
    const wire = connection as Record<'parse' | 'bind' | 'describe' | 'execute' | 'flush', (message?: object) => void>;
    wire.parse({ text: this.text });
    wire.bind({ portal: 'cursor' });
    wire.describe({ type: 'P', name: 'cursor' });
    wire.execute({ portal: 'cursor', rows: 2 });
    wire.flush();
  };
  handleRowDescription(): void {}
  handleDataRow({ fields }: { fields: string[] }): void {
    this.rows.push(fields[0]!);
  }
  handlePortalSuspended(connection: { execute(message: object): void; flush(): void }): void {
    connection.execute({ portal: 'cursor', rows: this.size });
    connection.flush();
  }
  handleCommandComplete(_: unknown, connection: { sync(): void }): void {
    connection.sync();
  }
  handleEmptyQuery(): void {}
  handleReadyForQuery(): void {
    this.resolve(this.rows);
  }
  handleError(error: Error): void {
    this.reject(error);
  }
}
