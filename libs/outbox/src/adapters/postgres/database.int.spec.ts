import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Pool, types } from 'pg';
import { DataSource, QueryFailedError } from 'typeorm';
import { TransactionRequiredError } from '../../errors';
import { newMessage, SOURCE } from '../../testing/store-contract-scenario';
import { Database } from './database';
import { poolFrom, PostgresStore } from './index';
import { survivingErrors } from './pool';
import { PostgresFixture } from './postgres.fixture';

const LIMITS = { horizonMs: 1e9, lockTimeoutMs: 5000 };
const arriving = () => ({
  messageId: randomUUID(),
  consumer: 'order-service',
  source: 'user-service',
  payloadHash: Buffer.from('hash'),
  recordedAt: new Date().toISOString(),
  deadlineAt: undefined,
});

describe("The library's statements in the application's transaction", () => {
  let fixture: PostgresFixture;

  beforeAll(async () => {
    fixture = await PostgresFixture.start({ direct: true });
  });
  afterAll(() => fixture.stop());
  afterEach(() => jest.restoreAllMocks());

  const prepared = (): Promise<string[]> =>
    fixture.transactions.run(async (tx) => {
      const rows: { name: string }[] = await tx.query(
        `select substring(statement from '-- (.*)$') as name from pg_prepared_statements where statement ~ '-- (in|out)box' order by 1`,
      );
      return rows.map(({ name }) => name);
    });

  it('are refused without a transaction', async () => {
    const add = fixture.outbox.add(fixture.dataSource.manager, [newMessage()]);
    await expect(add).rejects.toThrow(TransactionRequiredError);
    await expect(add).rejects.toThrow(/outbox\.add-one needs an open transaction/);
  });

  it('are prepared by name, unless that is switched off', async () => {
    const { pool } = fixture;
    const unnamed = new PostgresStore({ pool, namedStatements: false });
    await fixture.transactions.run((tx) => unnamed.add(tx, [newMessage()]));
    expect(await prepared()).toEqual([]);
    await fixture.transactions.run((tx) => fixture.outbox.add(tx, [newMessage()]));
    await fixture.transactions.run((tx) => fixture.inbox.begin(tx, arriving(), LIMITS));
    expect(await prepared()).toEqual(['inbox.begin', 'outbox.add-one']);
  });

  it('that look rows up are prepared on connections of the library only, which keep a plan not for ever', async () => {
    const key = { messageId: randomUUID(), consumer: 'order-service' };
    const answer = { verdict: 'accepted', reason: undefined, result: undefined, payloadHash: undefined } as const;
    await fixture.transactions.run((tx) => fixture.outbox.close(tx, key, answer));
    expect(await prepared()).not.toContain('outbox.close');

    const pool = poolFrom(new DataSource({ type: 'postgres', url: fixture.url }), { max: 1 });
    try {
      await fixture.store(pool).closeMany([{ ...key, answer }]);
      const { rows } = await pool.query<{ name: string }>('select name from pg_prepared_statements');
      expect(rows.map(({ name }) => name)).toEqual(['outbox.close-one']);
    } finally {
      await pool.end();
    }
  });

  it('get a new connection, and new plans, after a thousand of them', async () => {
    const pool = poolFrom(new DataSource({ type: 'postgres', url: fixture.url }), { max: 1 });
    try {
      const processOf = async (): Promise<number> =>
        (await pool.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid;
      const first = await processOf();
      for (let use = 2; use < 1_000; use++) await pool.query('select');
      expect(await processOf()).toBe(first);
      expect(await processOf()).not.toBe(first);
    } finally {
      await pool.end();
    }
  });

  it('say what to do about a pooler that gives another session to every transaction', async () => {
    const application = await new DataSource({ type: 'postgres', url: fixture.url }).initialize();
    try {
      const work = application.transaction(async (tx) => {
        await fixture.outbox.add(tx, [newMessage()]);
        await tx.query('deallocate all');
        await fixture.outbox.add(tx, [newMessage()]);
      });
      await expect(work).rejects.toMatchObject({
        code: '26000',
        message: expect.stringContaining('namedStatements: false'),
      });
    } finally {
      await application.destroy();
    }
  });

  it('are told to the logger of TypeORM, without their parameters', async () => {
    const log = jest.spyOn(fixture.dataSource.logger, 'logQuery');
    await fixture.transactions.run((tx) => fixture.outbox.add(tx, [newMessage({ payload: '"secret"' })]));
    const add = log.mock.calls.find(([text]) => text.endsWith('-- outbox.add-one'));
    expect(add?.[1]).toBeUndefined();
    expect(JSON.stringify(log.mock.calls.map(([text, values]) => [text, values]))).not.toContain('secret');
  });

  it('fail as any statement of TypeORM does, without their parameters', async () => {
    const log = jest.spyOn(fixture.dataSource.logger, 'logQueryError');
    const broken = newMessage({ key: 'x'.repeat(300), payload: '"secret"' });
    const error: unknown = await fixture.transactions.run((tx) => fixture.outbox.add(tx, [broken])).catch((e) => e);
    expect(error).toBeInstanceOf(QueryFailedError);
    expect(error).toMatchObject({ code: '22001', parameters: [] });
    expect(log).toHaveBeenCalledTimes(1);
  });

  it("leave the transaction's lock_timeout as it was", async () => {
    await fixture.transactions.run(async (tx) => {
      await tx.query("set local lock_timeout = '7s'");
      await fixture.inbox.begin(tx, arriving(), LIMITS);
      expect(await tx.query('show lock_timeout')).toEqual([{ lock_timeout: '7s' }]);
      const known = arriving();
      await fixture.inbox.begin(tx, known, LIMITS);
      await fixture.inbox.begin(tx, known, LIMITS);
      expect(await tx.query('show lock_timeout')).toEqual([{ lock_timeout: '7s' }]);
    });
  });

  it("do not depend on the application's type parsers", async () => {
    const oids = [types.builtins.JSON, types.builtins.INT4, types.builtins.TIMESTAMPTZ, types.builtins.UUID];
    const before = oids.map((oid) => types.getTypeParser(oid) as (text: string) => unknown);
    oids.forEach((oid) => types.setTypeParser(oid, () => 'parsed by the application'));
    try {
      const message = newMessage();
      await fixture.transactions.run((tx) => fixture.outbox.add(tx, [message]));
      const [record] = await fixture.outbox.find(message.id);
      expect(record).toMatchObject({ messageId: message.id, attempts: 0 });
      expect(record!.recordedAt).toMatch(/^\d{4}-/);
    } finally {
      oids.forEach((oid, index) => types.setTypeParser(oid, before[index]!));
    }
  });

  it('let a rolled-back savepoint take its messages along, which stillRecorded then knows', async () => {
    const lease = { token: randomUUID(), leaseMs: 30_000 };
    const [kept, dropped] = [newMessage({ lease }), newMessage({ lease })];
    await fixture.transactions.run(async (tx) => {
      await fixture.outbox.add(tx, [kept]);
      await tx
        .transaction(async (savepoint) => {
          await fixture.outbox.add(savepoint, [dropped]);
          throw new Error('only this part');
        })
        .catch(() => {});
      expect(await fixture.outbox.stillRecorded(tx, lease.token, [kept.id, dropped.id])).toEqual([kept.id]);
    });
  });
});

describe("The store's own pool", () => {
  let fixture: PostgresFixture;

  beforeAll(async () => {
    fixture = await PostgresFixture.start({ direct: true });
  });
  afterAll(() => fixture.stop());

  it('is named for what it is, and sets nothing on its connections', async () => {
    const { rows } = await fixture.pool.query(
      `select application_name, current_setting('plan_cache_mode') as planning from pg_stat_activity where pid = pg_backend_pid()`,
    );
    expect(rows).toEqual([{ application_name: 'tallystick (outbox)', planning: 'auto' }]);
  });

  it('survives the end of its idle connections', async () => {
    await fixture.outbox.stats(SOURCE);
    const ended = new Promise((resolve) => fixture.pool.once('remove', resolve));
    await fixture.owner.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tallystick (outbox)' and datname = current_database()`,
    );
    await ended;
    expect((await fixture.outbox.stats(SOURCE)).oldestDueMs).toBe(0);
  });

  it.each(['repeatable read', 'serializable'])(
    'reads committed also for a role that is %s by default',
    async (level) => {
      const url = await fixture.urlWith({ default_transaction_isolation: level });
      const pool = poolFrom(new DataSource({ type: 'postgres', url }), { max: 2 });
      const isolation = {
        name: 'test.isolation',
        text: 'show transaction_isolation',
        prepared: 'none' as const,
        values: () => [],
      };
      try {
        expect((await pool.query('show transaction_isolation')).rows).toEqual([{ transaction_isolation: level }]);
        const { rows } = await new Database(pool, false).run(isolation, undefined);
        expect(rows).toEqual([{ transaction_isolation: 'read committed' }]);
      } finally {
        await pool.end();
      }
    },
  );

  it('survives a server that ends a connection while it greets', async () => {
    const message = (type: string, body: Buffer): Buffer => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(body.length + length.length);
      return Buffer.concat([Buffer.from(type), length, body]);
    };
    const greeting = Buffer.concat([
      message('R', Buffer.alloc(4)), // you are let in
      message('Z', Buffer.from('I')), // go ahead
      message('E', Buffer.from('SFATAL\0C57P01\0Mterminating connection\0\0')),
    ]);
    const server = createServer((socket) => socket.once('data', () => socket.end(greeting)));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const pool = survivingErrors(new Pool({ host: '127.0.0.1', port, user: 'postgres', max: 1 }));
    try {
      const client = await pool.connect();
      await expect(client.query('select 1')).rejects.toThrow('not queryable');
      client.release();
      expect(pool.totalCount).toBe(0);
    } finally {
      await pool.end();
      server.close();
    }
  });

  it('takes a connection back, and goes on, after a statement of such a role failed or lost its connection', async () => {
    const url = await fixture.urlWith({ default_transaction_isolation: 'serializable' });
    const pool = poolFrom(new DataSource({ type: 'postgres', url }), { max: 1 });
    const database = new Database(pool, false);
    const run = (text: string) => database.run({ name: 'test', text, prepared: 'none', values: () => [] }, undefined);
    try {
      await expect(run('select 1 / 0')).rejects.toMatchObject({ code: '22012' });
      await expect(run('select pg_terminate_backend(pg_backend_pid())')).rejects.toThrow(QueryFailedError);
      expect((await run('select 1 as one')).rows).toEqual([{ one: '1' }]);
    } finally {
      await pool.end();
    }
  });

  it('keeps no prepared statements, so that every plan fits the tables as they are', async () => {
    await fixture.outbox.stats(SOURCE);
    const { rows } = await fixture.pool.query('select name from pg_prepared_statements');
    expect(rows).toEqual([]);
  });
});
