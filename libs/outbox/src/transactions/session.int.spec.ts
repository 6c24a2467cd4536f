import { Logger } from '@nestjs/common';
import { Cleanup, connectTestPostgres, TcpProxy } from '@tallystick/services';
import type { Pool, PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { clientOfThisProject } from '../adapters/postgres/client/client.fixture';
import { TimeIsOverError } from '../concurrency/time-out';
import { Transactions } from './transactions';

describe('The connection of a transaction', () => {
  let cleanup: Cleanup;
  let proxy: TcpProxy;
  let dataSource: DataSource;
  let transactions: Transactions;

  beforeEach(async () => {
    cleanup = new Cleanup();
    const server = connectTestPostgres();
    const url = new URL(await server.createDatabase());
    cleanup.defer(() => server.dropDatabase(url.href));
    proxy = new TcpProxy({ targetHost: url.hostname, targetPort: Number(url.port) });
    url.port = String(await proxy.listen());
    cleanup.defer(() => proxy.close());
    dataSource = new DataSource({
      type: 'postgres',
      url: url.href,
      connectTimeoutMS: 5_000,
      poolSize: 2,
      extra: clientOfThisProject(),
    });
    await dataSource.initialize();
    cleanup.defer(() => dataSource.destroy());
    transactions = new Transactions(dataSource, { strictWrites: 'throw' });
    transactions.onModuleInit();
    cleanup.defer(() => transactions.onApplicationShutdown());
  });
  afterEach(async () => {
    jest.useRealTimers();
    jest.restoreAllMocks();
    await cleanup.run();
  });

  const pool = (): Pool => (dataSource.driver as unknown as { master: Pool }).master;
  const refused = new Error('refused by the business');
  /** Nothing was heard of the pool's connections for a while: `OutboxClient` asks such a one whether it is there. */
  const wait = (): void => {
    const now = performance.now();
    jest.spyOn(performance, 'now').mockReturnValue(now + 2_000);
  };

  it.each<[string, () => Promise<void>, (run: Promise<void>) => Promise<void>]>([
    // Nothing has run yet, so it is begun on another connection.
    ['START TRANSACTION', async () => {}, (run) => expect(run).resolves.toBeUndefined()],
    ['COMMIT', async () => {}, (run) => expect(run).rejects.toThrow('Connection terminated')],
    ['ROLLBACK', () => Promise.reject(refused), (run) => expect(run).rejects.toBe(refused)],
  ])('does not wait for ever for the answer to %s', async (statement, work, outcome) => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date'] });
    const silent = proxy.onceUpstreamContains(statement, () => proxy.forget());
    wait();
    const ended = outcome(
      transactions.run(async (manager) => {
        await manager.query('select');
        await work();
      }),
    );
    await silent;
    jest.advanceTimersByTime(20_000);
    await ended;
    jest.useRealTimers();
    await expect(dataSource.query('select 1 as one')).resolves.toEqual([{ one: 1 }]);
  });

  it('that died in the pool a moment ago is replaced: the work begins on another one, and once', async () => {
    await transactions.run(() => dataSource.query('select'));
    let begun = 0;
    wait();
    const lost = proxy.onceUpstreamContains('START TRANSACTION', 'cutBefore');
    await transactions.run(async () => {
      begun += 1;
    });
    await lost;
    expect(begun).toBe(1);
  });

  it('is destroyed when it cannot be used any more, also if the caller throws an error of its own', async () => {
    await transactions.run((manager) => manager.query('set session characteristics as transaction read only'));
    const sessionReadOnly = (): Promise<unknown> =>
      transactions.run((manager) => manager.query('show transaction_read_only'));
    expect(await sessionReadOnly()).toEqual([{ transaction_read_only: 'off' }]);

    const failing = (manager: { query(sql: string): Promise<unknown> }): Promise<unknown> =>
      manager.query(`do $$ begin raise exception 'as if' using errcode = '25006'; end $$`).catch(() => {
        throw refused;
      });
    let before: unknown;
    const work = transactions.run(async (manager) => {
      before = await manager.query('select pg_backend_pid() as pid');
      await failing(manager);
    });
    await expect(work).rejects.toBe(refused);
    expect(await transactions.run((manager) => manager.query('select pg_backend_pid() as pid'))).not.toEqual(before);
  });

  it('is not given back by work whose time is over, while a host owns the transaction too', async () => {
    const hosted = new Transactions(dataSource, {
      strictWrites: 'throw',
      transactionHost: {
        manager: () => current,
        run: (work) =>
          dataSource.transaction(async (manager) => {
            current = manager;
            try {
              return await work();
            } finally {
              current = undefined;
            }
          }),
      },
    });
    let current: DataSource['manager'] | undefined;
    let late: Promise<unknown> | undefined;
    const work = hosted.run(async (manager) => {
      late = manager.query('select pg_sleep(600)');
      late.catch(() => {});
      throw new TimeIsOverError('the work', 1, '`handlerTimeout`');
    });
    await expect(work).rejects.toThrow('took longer');
    await expect(late).rejects.toThrow();
    expect(pool().totalCount).toBe(0);
  });

  describe('when all of its pool are in use', () => {
    let held: PoolClient[];
    /** `dataSource`, without waiting for its time-outs in real time. */
    const exhaust = async (): Promise<void> => {
      held = await Promise.all([pool().connect(), pool().connect()]);
      jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date'] });
    };
    const giveBack = (): void => held.forEach((client) => client.release());

    it('names the option whose time is over, and how many there are', async () => {
      await exhaust();
      const outcome = expect(transactions.run(async () => {})).rejects.toThrow(
        /no connection within 5000 ms \(connectTimeoutMS of the DataSource\): all 2 of its pool/,
      );
      jest.advanceTimersByTime(5_000);
      await outcome;
      giveBack();
    });

    it('is waited for aloud: once for all who wait, and again after it was there', async () => {
      pool().options.connectionTimeoutMillis = 0;
      const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
      try {
        for (const times of [1, 2]) {
          await exhaust();
          const waiting = [transactions.run(async () => {}), transactions.run(async () => {})];
          jest.advanceTimersByTime(10_000);
          expect(warn).toHaveBeenCalledTimes(times);
          expect(warn).toHaveBeenLastCalledWith(
            expect.stringMatching(/2 wait now: all 2 of its pool .* waits for ever: set e\.g\. connectTimeoutMS/),
          );
          jest.useRealTimers();
          giveBack();
          await Promise.all(waiting);
        }
      } finally {
        warn.mockRestore();
      }
    });
  });
});
