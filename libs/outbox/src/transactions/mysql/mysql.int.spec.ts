import { Cleanup, startMariaDb, until } from '@tallystick/services';
import type { PoolConnection } from 'mysql2';
import { Column, DataSource, Entity, type EntityManager, PrimaryColumn, type QueryRunner } from 'typeorm';
import { SilentRollbackError, TransactionEndedError, WriteOutsideTransactionError } from '../../errors';
import { retryingConflicts } from '../../concurrency/conflict';
import { TimeIsOverError } from '../../concurrency/time-out';
import { Transactions } from '../transactions';
import { ASKED_SLOWLY, CONTENDED, deadlockWith } from './deadlock.fixture';

@Entity('account')
class Account {
  @PrimaryColumn('varchar', { length: 40 }) id!: string;
  @Column('int', { default: 0 }) balance!: number;
}

/** One DataSource type after the other: TypeORM reaches MariaDB by mysql2 under both. */
describe.each(['mysql', 'mariadb'] as const)("Transactions on MariaDB, with TypeORM's type %s", (type) => {
  const cleanup = new Cleanup();
  let url: string;
  let dataSource: DataSource;
  let transactions: Transactions;

  const open = (id: string, manager: EntityManager = transactions.manager()): Promise<unknown> =>
    manager.insert(Account, { id });
  const saved = async (): Promise<string[]> =>
    (await dataSource.manager.find(Account, { order: { id: 'ASC' } })).map(({ id }) => id);
  const deadlock = (manager: EntityManager): Promise<unknown> => deadlockWith(manager, url);
  const raw = async (manager: EntityManager, sql: string): Promise<void> => {
    const connection = (await manager.queryRunner!.connect()) as PoolConnection;
    await connection.promise().query(sql);
  };
  const refused = new Error('refused by the business');

  beforeAll(async () => {
    const server = cleanup.stopLater(await startMariaDb({ install: true }));
    url = await server.createDatabase();
    dataSource = new DataSource({ type, url, entities: [Account], synchronize: true, poolSize: 3 });
    await dataSource.initialize();
    cleanup.defer(() => dataSource.destroy());
    for (const statement of CONTENDED) await dataSource.query(statement);
    transactions = new Transactions(dataSource, { strictWrites: 'throw' });
    transactions.onModuleInit();
    cleanup.defer(() => transactions.onApplicationShutdown());
  });
  afterAll(() => cleanup.run());
  beforeEach(() => dataSource.query('delete from account'));

  it('commit what the work wrote, and roll back with its error', async () => {
    await expect(transactions.run(() => open('a').then(() => 'done'))).resolves.toBe('done');
    const failing = transactions.run(async () => {
      await open('b');
      throw refused;
    });
    await expect(failing).rejects.toBe(refused);
    expect(await saved()).toEqual(['a']);
  });

  it('are joined, nested as savepoints, or opened beside', async () => {
    await transactions.run(async (manager) => {
      await transactions.run(async (joined) => expect(joined).toBe(manager));
      const part = transactions.run(
        async () => {
          await open('undone');
          throw refused;
        },
        { propagation: 'savepoint' },
      );
      await expect(part).rejects.toBe(refused);
      await transactions.run(() => open('beside'), { propagation: 'new' });
      await open('kept');
      expect(await saved()).toEqual(['beside']);
    });
    expect(await saved()).toEqual(['beside', 'kept']);
  });

  it.each(['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const)('are opened at %s', async (isolation) => {
    const LEVEL =
      'select trx_isolation_level as level from information_schema.innodb_trx where trx_mysql_thread_id = connection_id()';
    await transactions.run(
      async (manager) => {
        await open('a');
        const isThat = async (): Promise<boolean> => (await manager.query(LEVEL))[0]?.level === isolation;
        await until(`it is ${isolation}`, isThat, ASKED_SLOWLY);
      },
      { isolation },
    );
  });

  it('call back after the commit, and not after a rollback', async () => {
    const told: string[] = [];
    await transactions.run(async () => {
      await open('a');
      transactions.afterCommit(() => void told.push(`committed`));
    });
    await transactions
      .run(async () => {
        transactions.afterCommit(() => void told.push('rolled back'));
        throw refused;
      })
      .catch(() => {});
    expect(told).toEqual(['committed']);
  });

  describe('after a deadlock whose error was caught', () => {
    const told: string[] = [];
    const begin = async (manager: EntityManager): Promise<void> => {
      await open('a');
      transactions.afterCommit(() => void told.push('committed'), manager);
      expect(await deadlock(manager)).toMatchObject({ driverError: { errno: 1213 } });
    };
    beforeEach(() => told.splice(0));
    afterEach(async () => {
      expect([await saved(), told]).toEqual([[], []]);
      await transactions.run(() => open('next'));
      expect(await saved()).toEqual(['next']);
    });

    it('let nothing more be written, which would commit by itself', async () => {
      const work = transactions.run(async (manager) => {
        await begin(manager);
        await expect(open('b')).rejects.toThrow(SilentRollbackError);
        await expect(manager.query("insert into account (id) values ('c')")).rejects.toThrow(SilentRollbackError);
      });
      await expect(work).rejects.toThrow(SilentRollbackError);
    });

    it('are not said to be committed', async () => {
      await expect(transactions.run(begin)).rejects.toThrow(SilentRollbackError);
    });

    it('take no message', async () => {
      const work = transactions.run(async (manager) => {
        await begin(manager);
        transactions.underWay('add', manager);
      });
      await expect(work).rejects.toThrow(SilentRollbackError);
    });

    it('are lost as a whole, also if it was in a savepoint', async () => {
      const work = transactions.run(async () => {
        await open('before');
        await transactions.run(begin, { propagation: 'savepoint' }).catch(() => {});
        await open('after');
      });
      await expect(work).rejects.toThrow(SilentRollbackError);
    });

    it('are not said to be committed when it was in a savepoint and left it as an error', async () => {
      const work = transactions.run(async () => {
        await open('before');
        const part = transactions.run(
          async (manager) => {
            throw await deadlock(manager);
          },
          { propagation: 'savepoint' },
        );
        await part.catch(() => {});
      });
      await expect(work).rejects.toThrow(SilentRollbackError);
    });

    it('let nothing more be written when the application opened them itself', async () => {
      const work = dataSource.transaction(async (manager) => {
        await open('a', manager);
        await deadlock(manager);
        await open('b', manager);
      });
      await expect(work).rejects.toThrow(SilentRollbackError);
    });

    it('can be rolled back by hand and begun again', async () => {
      const runner: QueryRunner = dataSource.createQueryRunner();
      try {
        await runner.startTransaction();
        await deadlock(runner.manager);
        await runner.rollbackTransaction();
        await runner.startTransaction();
        await open('again', runner.manager);
        await runner.commitTransaction();
      } finally {
        await runner.release();
      }
      expect(await saved()).toEqual(['again']);
      await dataSource.query('delete from account');
    });
  });

  it('are run again after a deadlock that nobody caught', async () => {
    let tries = 0;
    await retryingConflicts(transactions.faults, () =>
      transactions.run(async (manager) => {
        await open(`try ${++tries}`);
        if (tries === 1) throw await deadlock(manager);
      }),
    );
    expect(await saved()).toEqual(['try 2']);
  });

  it('are over, and noticed to be, when a procedure that selects rows has ended them', async () => {
    await dataSource.query('create or replace procedure look_and_commit() begin select 1; commit; end');
    const work = transactions.run(async (manager) => {
      await open('a');
      await manager.query('call look_and_commit()');
    });
    await expect(work).rejects.toThrow(TransactionEndedError);
    expect(await saved()).toEqual(['a']);
  });

  it('are gone, and noticed to be, when a row changed after their snapshot', async () => {
    await dataSource.query("insert into account (id) values ('shared')");
    const work = transactions.run(
      async (manager) => {
        await manager.query('set innodb_snapshot_isolation = on');
        try {
          await manager.query('select * from account');
          await transactions.outside(() => dataSource.query("update account set balance = 1 where id = 'shared'"));
          await expect(manager.query("update account set balance = 2 where id = 'shared'")).rejects.toMatchObject({
            driverError: { errno: 1020 },
          });
          await open('by itself');
        } finally {
          await raw(manager, 'set innodb_snapshot_isolation = default');
        }
      },
      { isolation: 'REPEATABLE READ' },
    );
    await expect(work).rejects.toThrow(SilentRollbackError);
    expect(await saved()).toEqual(['shared']);
  });

  it('go on after an error that undid one statement only', async () => {
    await open('taken');
    await transactions.run(async (manager) => {
      await open('a');
      await expect(open('taken')).rejects.toMatchObject({ driverError: { errno: 1062 } });
      const locked = transactions.run(
        async (other) => {
          await other.query("insert into account (id) values ('locked')");
          await expect(
            manager.query("select * from account where id = 'locked' for update nowait"),
          ).rejects.toMatchObject({ driverError: { errno: 1205 } });
        },
        { propagation: 'new' },
      );
      await locked;
      await open('b');
    });
    expect(await saved()).toEqual(['a', 'b', 'locked', 'taken']);
  });

  describe('that are ended by hand', () => {
    it.each([
      ['commit'],
      ['/* behind a comment */ rollback'],
      ['start transaction'],
      ['create table made (id int)'],
      ['truncate account'],
    ])('refuse: %s', async (statement) => {
      const work = transactions.run(async (manager) => {
        await open('a');
        await manager.query(statement);
      });
      await expect(work).rejects.toThrow(TransactionEndedError);
      expect(await saved()).toEqual([]);
    });

    it('notice what a procedure did, at the commit, and do not call back', async () => {
      await dataSource.query('create or replace procedure ending() begin commit; end');
      const told: string[] = [];
      const work = transactions.run(async (manager) => {
        transactions.afterCommit(() => void told.push('committed'));
        await manager.query('call ending()');
        await open('by itself');
      });
      await expect(work).rejects.toThrow(TransactionEndedError);
      expect(told).toEqual([]);
    });

    it('notice a COMMIT on the raw client, by the answer to the next write', async () => {
      const work = transactions.run(async (manager) => {
        await raw(manager, 'commit');
        await manager.query("insert into account (id) values ('by itself')");
      });
      await expect(work).rejects.toThrow(TransactionEndedError);
    });
  });

  it.each<[string, () => Promise<unknown>]>([
    ['an injected repository', () => dataSource.getRepository(Account).insert({ id: 'stray' })],
    ['the DataSource', () => dataSource.query("replace into `account` (id) values ('stray')")],
    ['a second transaction', () => dataSource.transaction(async () => {})],
  ])('refuse a write past them, through %s', async (_, write) => {
    const work = transactions.run(async () => {
      await open('a');
      await write();
    });
    await expect(work).rejects.toThrow(WriteOutsideTransactionError);
    expect(await saved()).toEqual([]);
  });

  it('lose their connection when their time is over: the statement ends in the server, with its locks', async () => {
    const processes = async (): Promise<unknown[]> =>
      dataSource.query("select id from information_schema.processlist where info like 'select sleep(600)%'");
    let late: Promise<unknown> | undefined;
    const work = transactions.run(async (manager) => {
      await open('locked');
      late = manager.query('select sleep(600)');
      late.catch(() => {});
      await until('the statement runs', async () => (await processes()).length === 1);
      throw new TimeIsOverError('the work', 1, '`handlerTimeout`');
    });
    await expect(work).rejects.toThrow('took longer');
    await expect(late).rejects.toThrow();
    // The server is told, and answers, before the statement looks up and ends.
    await until('the statement has ended', async () => (await processes()).length === 0);
    await open('locked');
    expect(await saved()).toEqual(['locked']);
  });

  it('replace a connection that died in the pool: the work begins on another one, and once', async () => {
    const [[{ id }]] = [await dataSource.query('select connection_id() as id')] as [[{ id: number }]];
    await dataSource.query('select 1'); // the pool gives the same one again
    let begun = 0;
    const other = dataSource.createQueryRunner();
    await other.connect();
    await transactions.outside(() => other.query(`kill ${id}`)).catch(() => {});
    await other.release();
    await transactions.run(async () => {
      begun += 1;
      await open('a');
    });
    expect([begun, await saved()]).toEqual([1, ['a']]);
  });
});
