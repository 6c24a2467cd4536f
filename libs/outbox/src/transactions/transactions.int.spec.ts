import { connectTestPostgres, testDatabase } from '@tallystick/services';
import { Logger } from '@nestjs/common';
import { Column, DataSource, Entity, EntityManager, PrimaryColumn } from 'typeorm';
import { InvalidOptionsError, SilentRollbackError, TransactionEndedError, TransactionRequiredError } from '../errors';
import { clientOfThisProject } from '../adapters/postgres/client/client.fixture';
import { Transactions } from './transactions';

@Entity('account')
class Account {
  @PrimaryColumn('text') id!: string;
  @Column('int', { default: 0 }) balance!: number;
}

describe('Transactions', () => {
  let url: string;
  let dataSource: DataSource;
  let transactions: Transactions;

  const open = (id: string, manager = transactions.manager()): Promise<unknown> => manager.insert(Account, { id });
  const saved = async (): Promise<string[]> =>
    (await dataSource.manager.find(Account, { order: { id: 'ASC' } })).map(({ id }) => id);
  const swallowSqlError = (manager: EntityManager): Promise<unknown> => manager.query('select 1/0').catch(() => {});
  const refused = new Error('refused by the business');

  beforeAll(async () => {
    url = await testDatabase('transactions');
    dataSource = new DataSource({
      type: 'postgres',
      url,
      entities: [Account],
      synchronize: true,
      connectTimeoutMS: 5000,
      poolSize: 5,
      extra: clientOfThisProject(),
    });
    await dataSource.initialize();
    transactions = new Transactions(dataSource, { strictWrites: 'throw' });
    transactions.onModuleInit();
  });
  afterAll(async () => {
    await transactions.onApplicationShutdown();
    await dataSource.destroy();
    await connectTestPostgres().dropDatabase(url);
  });
  beforeEach(() => dataSource.query('truncate account'));
  afterEach(() => jest.restoreAllMocks());

  describe('run', () => {
    it('commits what the work wrote and returns its result', async () => {
      await expect(transactions.run(() => open('a').then(() => 'done'))).resolves.toBe('done');
      expect(await saved()).toEqual(['a']);
    });

    it('rolls back and passes the error on', async () => {
      const work = transactions.run(async () => {
        await open('a');
        throw refused;
      });
      await expect(work).rejects.toBe(refused);
      expect(await saved()).toEqual([]);
    });

    it('hands the work the same manager that current(), manager() and repository() find', async () => {
      await transactions.run(async (manager) => {
        expect(transactions.current()).toBe(manager);
        expect(transactions.manager()).toBe(manager);
        expect(transactions.repository(Account).manager).toBe(manager);
      });
      expect(transactions.current()).toBeUndefined();
      expect(transactions.manager()).toBe(dataSource.manager);
    });

    it('keeps transactions that run at the same time apart', async () => {
      const managers = await Promise.all(
        ['a', 'b', 'c'].map((id) =>
          transactions.run(async (manager) => {
            await open(id);
            expect(transactions.current()).toBe(manager);
            return manager;
          }),
        ),
      );
      expect(new Set(managers).size).toBe(3);
    });

    it('opens no savepoint for a call that joins: its failure cannot be undone alone', async () => {
      const work = transactions.run(async (outer) => {
        await open('outer');
        await transactions.run(async (inner) => {
          expect(inner).toBe(outer);
          await open('inner');
        });
        expect(transactions.statementCount(outer)).toBe(2);
        throw refused;
      });
      await expect(work).rejects.toBe(refused);
      expect(await saved()).toEqual([]);
    });

    it('rolls a savepoint back alone', async () => {
      await transactions.run(async () => {
        await open('kept');
        const part = transactions.run(
          async (manager) => {
            await open('undone');
            await manager.query('select 1/0');
          },
          { propagation: 'savepoint' },
        );
        await expect(part).rejects.toThrow('division by zero');
        await open('later');
      });
      expect(await saved()).toEqual(['kept', 'later']);
    });

    it('commits a new transaction for itself, whatever becomes of the one around it', async () => {
      const work = transactions.run(async (outer) => {
        await open('outer');
        await transactions.run(
          async (manager) => {
            expect(manager).not.toBe(outer);
            await open('independent');
          },
          { propagation: 'new' },
        );
        expect(transactions.current()).toBe(outer);
        throw refused;
      });
      await expect(work).rejects.toBe(refused);
      expect(await saved()).toEqual(['independent']);
    });

    it('knows whether a transaction can still be written through', async () => {
      const ended = await transactions.run(async (manager) => {
        expect(transactions.isOpen(manager)).toBe(true);
        return manager;
      });
      expect(transactions.isOpen(ended)).toBe(false);
      expect(transactions.isOpen(dataSource.manager)).toBe(false);
    });

    it('opens the transaction with the isolation level that was asked for', async () => {
      const level = await transactions.run((manager) => manager.query('show transaction_isolation'), {
        isolation: 'SERIALIZABLE',
      });
      expect(level).toEqual([{ transaction_isolation: 'serializable' }]);
    });

    it('joins only a transaction that has the isolation level asked for', async () => {
      const ask = () => transactions.run(async () => 'joined', { isolation: 'SERIALIZABLE' });
      await expect(transactions.run(ask, { isolation: 'SERIALIZABLE' })).resolves.toBe('joined');
      await expect(transactions.run(ask)).rejects.toThrow(InvalidOptionsError);
      await expect(transactions.run(ask, { isolation: 'REPEATABLE READ' })).rejects.toThrow(
        /isolation SERIALIZABLE was asked for.*with REPEATABLE READ/,
      );
    });

    it('knows which transactions it opened', async () => {
      await transactions.run(async (manager) => {
        expect(transactions.isOwn(manager)).toBe(true);
        await transactions.run(async (inner) => expect(transactions.isOwn(inner)).toBe(true), {
          propagation: 'savepoint',
        });
      });
      await dataSource.transaction(async (manager) => expect(transactions.isOwn(manager)).toBe(false));
      expect(transactions.isOwn(dataSource.manager)).toBe(false);
    });

    it('counts the statements TypeORM sent in the transaction', async () => {
      await transactions.run(async (manager) => {
        expect(transactions.statementCount(manager)).toBe(0);
        await open('a');
        await manager.query('select 1');
        expect(transactions.statementCount(manager)).toBe(2);
        await manager.queryRunner!.connect().then((client) => client.query('select 1'));
        expect(transactions.statementCount(manager)).toBe(2);
      });
    });

    it('works before the module is initialised', async () => {
      const early = new Transactions(dataSource, { strictWrites: 'off' });
      const committed = jest.fn();
      await early.run(async () => early.afterCommit(committed));
      expect(committed).toHaveBeenCalledTimes(1);
      await early.onApplicationShutdown();
    });

    it('listens once, and no more after the shutdown', async () => {
      const before = [...dataSource.subscribers];
      const another = new Transactions(dataSource, { strictWrites: 'off' });
      another.onModuleInit();
      another.onModuleInit();
      expect(dataSource.subscribers).toHaveLength(before.length + 1);
      await another.onApplicationShutdown();
      await another.onApplicationShutdown();
      expect(dataSource.subscribers).toEqual(before);
    });
  });

  describe('a call nobody awaited', () => {
    it('is refused when it asks for the manager after the end', async () => {
      let goOn!: () => void;
      const ended = new Promise<void>((resolve) => (goOn = resolve));
      let forgotten!: Promise<unknown>;
      await transactions.run(async () => {
        forgotten = ended.then(() => transactions.repository(Account).insert({ id: 'late' }));
      });
      goOn();
      await expect(forgotten).rejects.toThrow(TransactionEndedError);
      expect(await saved()).toEqual([]);
    });

    it('may open a transaction of its own', async () => {
      let goOn!: () => void;
      const ended = new Promise<void>((resolve) => (goOn = resolve));
      let background!: Promise<unknown>;
      await transactions.run(async () => {
        background = ended.then(() => transactions.run(() => open('background')));
      });
      goOn();
      await background;
      expect(await saved()).toEqual(['background']);
    });

    it('is refused when it kept the manager: its statement would commit by itself', async () => {
      let straggler!: Promise<unknown>;
      await transactions.run(async (manager) => {
        // At this moment COMMIT is done and the connection is not yet back in the pool.
        transactions.afterCommit(() => {
          straggler = manager.query(`insert into account (id) values ('late')`);
          straggler.catch(() => {});
        });
      });
      await expect(straggler).rejects.toThrow(TransactionEndedError);
      expect(await saved()).toEqual([]);
    });

    it('is refused in a savepoint that is over, although the transaction goes on', async () => {
      await transactions.run(async () => {
        let goOn!: () => void;
        const ended = new Promise<void>((resolve) => (goOn = resolve));
        let forgotten!: Promise<unknown>;
        await transactions.run(
          async () => {
            forgotten = ended.then(() => open('late'));
          },
          { propagation: 'savepoint' },
        );
        goOn();
        await expect(forgotten).rejects.toThrow(TransactionEndedError);
        await open('in time');
      });
      expect(await saved()).toEqual(['in time']);
    });
  });

  describe('a transaction that was rolled back behind the back of its owner', () => {
    const whoever: [string, (work: (manager: EntityManager) => Promise<unknown>) => Promise<unknown>][] = [
      ['transactions.run', (work) => transactions.run(work)],
      ['dataSource.transaction', (work) => dataSource.transaction(work)],
    ];

    it.each(whoever)('%s fails when a SQL error was swallowed', async (_name, run) => {
      const committed = jest.fn();
      const work = run(async (manager) => {
        await open('a', manager);
        transactions.afterCommit(committed, manager);
        await swallowSqlError(manager);
      });
      await expect(work).rejects.toThrow(SilentRollbackError);
      expect(await saved()).toEqual([]);
      expect(committed).not.toHaveBeenCalled();
    });

    it.each(whoever)('%s fails when a failing query was not even awaited', async (_name, run) => {
      const work = run(async (manager) => {
        await open('a', manager);
        void swallowSqlError(manager);
      });
      await expect(work).rejects.toThrow(SilentRollbackError);
      expect(await saved()).toEqual([]);
    });

    it('returns a usable connection to the pool', async () => {
      await expect(transactions.run(swallowSqlError)).rejects.toThrow(SilentRollbackError);
      await transactions.run(() => open('next'));
      expect(await saved()).toEqual(['next']);
    });

    it('fails, and takes no more statements, when TypeORM gave it up at a savepoint after a swallowed error', async () => {
      const work = transactions.run(async (manager) => {
        await open('a');
        await swallowSqlError(manager);
        const part = transactions.run(async () => {}, { propagation: 'savepoint' });
        await expect(part).rejects.toThrow('current transaction is aborted');
        await expect(open('b', manager)).rejects.toThrow(TransactionEndedError);
        expect(() => transactions.manager()).toThrow(TransactionEndedError);
      });
      await expect(work).rejects.toThrow(SilentRollbackError);
      expect(await saved()).toEqual([]);
    });

    it.each(['ROLLBACK', 'commit', 'abort', 'END'])('refuses a hand-written %s', async (statement) => {
      const work = transactions.run(async (manager) => {
        await open('a');
        await manager.query(statement);
      });
      await expect(work).rejects.toThrow(/would end a transaction that Transactions\.run/);
      expect(await saved()).toEqual([]);
    });

    it('notices a ROLLBACK that hides behind a comment or on the raw client', async () => {
      const behindComment = transactions.run((manager) => manager.query('/* undo */ rollback'));
      await expect(behindComment).rejects.toThrow(/ended this transaction before its work was done/);
      const onClient = transactions.run(async ({ queryRunner }) => {
        const client = await queryRunner!.connect();
        await client.query('rollback');
      });
      await expect(onClient).rejects.toThrow(TransactionEndedError);
    });

    it('hands off nothing when a transaction of somebody else was ended by hand', async () => {
      const committed = jest.fn();
      await dataSource.transaction(async (manager) => {
        transactions.afterCommit(committed, manager);
        await manager.query('rollback');
      });
      await dataSource.transaction(async (manager) => {
        transactions.afterCommit(committed, manager);
        await manager.query('/* undo */ rollback');
      });
      expect(committed).not.toHaveBeenCalled();
    });

    it('fails when the work committed the transaction itself', async () => {
      const work = transactions.run(async ({ queryRunner }) => {
        await open('a');
        await queryRunner!.commitTransaction();
      });
      await expect(work).rejects.toThrow(/committed before its work was done/);
    });
  });

  describe('afterCommit', () => {
    it('calls back when others can see what was committed', async () => {
      let seen: Promise<string[]> | undefined;
      await transactions.run(async () => {
        await open('a');
        transactions.afterCommit(() => {
          expect(transactions.current()).toBeUndefined();
          seen = saved();
        });
        expect(seen).toBeUndefined();
      });
      expect(await seen).toEqual(['a']);
    });

    it('never calls back after a rollback', async () => {
      const committed = jest.fn();
      const work = transactions.run(async () => {
        transactions.afterCommit(committed);
        throw refused;
      });
      await expect(work).rejects.toBe(refused);
      expect(committed).not.toHaveBeenCalled();
    });

    it.each([
      ['run', (work: (manager: EntityManager) => Promise<void>) => transactions.run(work)],
      ['dataSource.transaction', (work: (manager: EntityManager) => Promise<void>) => dataSource.transaction(work)],
    ])('of %s is refused while something is still at work in it, and all is rolled back', async (_, transaction) => {
      let done = (): void => {};
      const committed = transaction(async (manager) => {
        await open('a', manager);
        done = transactions.underWay('what nobody awaited', manager);
      });
      await expect(committed).rejects.toThrow(/what nobody awaited had not finished.*`await` is missing/);
      done();
      expect(await saved()).toEqual([]);
      await transaction(async (manager) => {
        const over = transactions.underWay('what was awaited', manager);
        await open('b', manager);
        over();
      });
      expect(await saved()).toEqual(['b']);
    });

    it('written by hand is refused while something is still at work in it', async () => {
      const runner = dataSource.createQueryRunner();
      try {
        await runner.startTransaction();
        await open('a', runner.manager);
        const done = transactions.underWay('what nobody awaited', runner.manager);
        await expect(runner.query('COMMIT')).rejects.toThrow(/what nobody awaited had not finished/);
        done();
        await runner.rollbackTransaction();
      } finally {
        await runner.release();
      }
      expect(await saved()).toEqual([]);
    });

    it('never calls back when COMMIT itself fails', async () => {
      await dataSource.query('create table if not exists later (id int unique deferrable initially deferred)');
      const committed = jest.fn();
      const work = transactions.run(async (manager) => {
        await manager.query('insert into later values (1), (1)');
        transactions.afterCommit(committed);
      });
      await expect(work).rejects.toThrow(/duplicate key/);
      expect(committed).not.toHaveBeenCalled();
    });

    it('never calls back when the connection is lost before COMMIT', async () => {
      const committed = jest.fn();
      const work = transactions.run(async (manager) => {
        const [{ pid }] = await manager.query<[{ pid: number }]>('select pg_backend_pid() as pid');
        transactions.afterCommit(committed);
        await transactions.outside(() => dataSource.query('select pg_terminate_backend($1)', [pid]));
      });
      await expect(work).rejects.toThrow();
      expect(committed).not.toHaveBeenCalled();
    });

    it('serves plain dataSource.transaction() and own query runners, again and again', async () => {
      const committed = jest.fn();
      await dataSource.transaction(async (manager) => transactions.afterCommit(() => committed('plain'), manager));
      const runner = dataSource.createQueryRunner();
      for (const name of ['first', 'second']) {
        await runner.startTransaction();
        transactions.afterCommit(() => committed(name), runner.manager);
        await runner.commitTransaction();
      }
      await runner.startTransaction();
      transactions.afterCommit(() => committed('third'), runner.manager);
      await runner.rollbackTransaction();
      await runner.release();
      expect(committed.mock.calls).toEqual([['plain'], ['first'], ['second']]);
    });

    it('drops a callback with its savepoint, whoever opened it', async () => {
      const committed = jest.fn();
      await transactions.run(async (manager) => {
        transactions.afterCommit(() => committed('outer'));
        const part = manager.transaction(async (inner) => {
          await inner.transaction(async () => transactions.afterCommit(() => committed('released inside')));
          throw refused;
        });
        await expect(part).rejects.toBe(refused);
        await manager.transaction(async () => transactions.afterCommit(() => committed('released')));
        expect(committed).not.toHaveBeenCalled();
      });
      expect(committed.mock.calls).toEqual([['outer'], ['released']]);
    });

    it('drops all callbacks when a savepoint was rolled back by hand', async () => {
      const committed = jest.fn();
      await transactions.run(async (manager) => {
        await manager.query('savepoint mine');
        transactions.afterCommit(committed);
        await open('undone');
        await manager.query('rollback to savepoint mine');
        await open('kept');
      });
      expect(await saved()).toEqual(['kept']);
      expect(committed).not.toHaveBeenCalled();
    });

    it('calls back outside of whatever transaction the committing call is in', async () => {
      const runner = dataSource.createQueryRunner();
      await runner.startTransaction();
      let seen: unknown = 'not called';
      transactions.afterCommit(() => void (seen = transactions.current()), runner.manager);
      await transactions.run(() => runner.commitTransaction());
      await runner.release();
      expect(seen).toBeUndefined();
    });

    it('logs a callback that fails; the call has succeeded and the other callbacks run', async () => {
      const log = jest.spyOn(Logger.prototype, 'error').mockImplementation();
      const committed = jest.fn();
      const result = await transactions.run(async () => {
        transactions.afterCommit(() => {
          throw new Error('synchronous');
        });
        transactions.afterCommit(() => Promise.reject(new Error('asynchronous')));
        transactions.afterCommit(committed);
        return 'committed';
      });
      expect(result).toBe('committed');
      expect(committed).toHaveBeenCalledTimes(1);
      await new Promise(setImmediate);
      expect(log.mock.calls.map(([, stack]) => stack)).toEqual([
        expect.stringContaining('Error: synchronous'),
        expect.stringContaining('Error: asynchronous'),
      ]);
    });

    it('does not wait for a callback, which may need the connection', async () => {
      let second: Promise<unknown> | undefined;
      await transactions.run(async () => {
        transactions.afterCommit(() => {
          second = transactions.run(() => open('second'));
          return second.then(() => {});
        });
      });
      await second;
      expect(await saved()).toEqual(['second']);
    });

    it('requires an open transaction', async () => {
      expect(() => transactions.afterCommit(() => {})).toThrow(TransactionRequiredError);
      expect(() => transactions.afterCommit(() => {}, dataSource.manager)).toThrow(TransactionRequiredError);
      const ended = await transactions.run(async (manager) => manager);
      expect(() => transactions.afterCommit(() => {}, ended)).toThrow(TransactionRequiredError);
    });
  });

  describe('beforeCommit', () => {
    it('runs after the work, in the transaction, and before the callbacks', async () => {
      const order: string[] = [];
      await transactions.run(async (manager) => {
        transactions.afterCommit(() => void order.push('committed'));
        transactions.beforeCommit(async (given) => {
          expect(given).toBe(manager);
          expect(transactions.current()).toBe(manager);
          await open('from the hook');
          transactions.beforeCommit(async () => void order.push('hook of the hook'));
          order.push('hook');
        });
        order.push('work');
      });
      expect(order).toEqual(['work', 'hook', 'hook of the hook', 'committed']);
      expect(await saved()).toEqual(['from the hook']);
    });

    it('rolls back when it throws', async () => {
      const work = transactions.run(async () => {
        await open('a');
        transactions.beforeCommit(() => Promise.reject(refused));
      });
      await expect(work).rejects.toBe(refused);
      expect(await saved()).toEqual([]);
    });

    it('waits for the outermost level, and is dropped with its savepoint', async () => {
      const ran: string[] = [];
      await transactions.run(async () => {
        const part = (name: string, work = async () => {}) =>
          transactions.run(
            async () => {
              transactions.beforeCommit(async () => void ran.push(name));
              await work();
            },
            { propagation: 'savepoint' },
          );
        await part('released');
        await expect(part('rolled back', () => Promise.reject(refused))).rejects.toBe(refused);
        expect(ran).toEqual([]);
      });
      expect(ran).toEqual(['released']);
    });

    it('runs in a transaction of somebody else, too', async () => {
      await dataSource.transaction(async (manager) => {
        transactions.beforeCommit(() => open('from the hook').then(() => {}), manager);
      });
      expect(await saved()).toEqual(['from the hook']);
    });
  });

  describe('afterEnd', () => {
    it('calls back once after a commit and after the afterCommit callbacks', async () => {
      const order: string[] = [];
      await transactions.run(async () => {
        transactions.afterEnd(() => order.push('end'));
        transactions.afterCommit(() => void order.push('committed'));
      });
      expect(order).toEqual(['committed', 'end']);
    });

    it('calls back after a rollback, after the rollback of its savepoint, and when the connection is lost', async () => {
      const ended = jest.fn();
      const fail = (): Promise<never> => Promise.reject(refused);
      await transactions
        .run(async () => {
          transactions.afterEnd(() => ended('rolled back'));
          throw refused;
        })
        .catch(() => {});
      await transactions.run(async () => {
        const part = transactions.run(
          () => {
            transactions.afterEnd(() => ended('savepoint'));
            return fail();
          },
          { propagation: 'savepoint' },
        );
        await part.catch(() => expect(ended).toHaveBeenCalledTimes(1));
      });
      await transactions
        .run(async (manager) => {
          transactions.afterEnd(() => ended('lost'));
          const [{ pid }] = await manager.query<[{ pid: number }]>('select pg_backend_pid() as pid');
          await transactions.outside(() => dataSource.query('select pg_terminate_backend($1)', [pid]));
        })
        .catch(() => {});
      expect(ended.mock.calls).toEqual([['rolled back'], ['savepoint'], ['lost']]);
    });

    it('logs a callback that fails; the call has succeeded', async () => {
      const log = jest.spyOn(Logger.prototype, 'error').mockImplementation();
      await transactions.run(async () =>
        transactions.afterEnd(() => {
          throw refused;
        }),
      );
      expect(log).toHaveBeenCalledWith(expect.stringContaining('afterEnd'), refused.stack);
    });

    it('refuses a transaction whose end it would not see', async () => {
      await dataSource.transaction(async (manager) => {
        expect(() => transactions.afterEnd(() => {}, manager)).toThrow(TransactionRequiredError);
      });
    });
  });

  it('outside() leaves the transaction: what it writes survives the rollback', async () => {
    const work = transactions.run(async () => {
      await open('undone');
      await transactions.outside(() => open('audit'));
      throw refused;
    });
    await expect(work).rejects.toBe(refused);
    expect(await saved()).toEqual(['audit']);
  });

  it('notes at boot, for who looks closely, that an exhausted pool would wait for ever', () => {
    const debug = jest.spyOn(Logger.prototype, 'debug').mockImplementation();
    const boot = (options: object): void => {
      const plain = new DataSource({ type: 'postgres', ...options });
      new Transactions(plain, { strictWrites: 'throw' }).onModuleInit();
    };
    boot({ connectTimeoutMS: 1000 });
    boot({ extra: { connectionTimeoutMillis: 1000 } });
    expect(debug).not.toHaveBeenCalled();
    boot({});
    expect(debug).toHaveBeenCalledWith(expect.stringContaining('connectTimeoutMS'));
  });
});
