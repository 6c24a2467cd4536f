import { connectTestPostgres, testDatabase } from '@tallystick/services';
import { Logger } from '@nestjs/common';
import { clientOfThisProject } from '../adapters/postgres/client/client.fixture';
import { Column, DataSource, DataSourceOptions, DeleteDateColumn, Entity, PrimaryColumn, Repository } from 'typeorm';
import { WriteOutsideTransactionError } from '../errors';
import { Transactions } from './transactions';
import type { TransactionsOptions } from './transactions-options';

@Entity('account')
class Account {
  @PrimaryColumn('text') id!: string;
  @Column('int', { default: 0 }) balance!: number;
  @DeleteDateColumn() closedAt?: Date | null;
}

type Shape = [name: string, write: (dataSource: DataSource, accounts: Repository<Account>) => Promise<unknown>];

const INSERT = `insert into account (id) values ('new')`;
const UPDATE = 'update account set balance = 5';

async function onRunnerOfItsOwn(dataSource: DataSource, sql: string): Promise<void> {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.query(sql);
  } finally {
    await runner.release();
  }
}

/** Every way to write past the transaction that TypeORM offers. */
const caught: Shape[] = [
  ['repository.save of a new row', (_, accounts) => accounts.save({ id: 'new' })],
  ['repository.save of a changed row', (_, accounts) => accounts.save({ id: 'x', balance: 2 })],
  ['repository.insert', (_, accounts) => accounts.insert({ id: 'new' })],
  ['repository.update', (_, accounts) => accounts.update({ id: 'x' }, { balance: 2 })],
  ['repository.upsert', (_, accounts) => accounts.upsert({ id: 'x', balance: 3 }, ['id'])],
  ['repository.delete', (_, accounts) => accounts.delete({ id: 'x' })],
  ['repository.softDelete', (_, accounts) => accounts.softDelete({ id: 'x' })],
  ['repository.restore', (_, accounts) => accounts.restore({ id: 'x' })],
  ['repository.remove', async (_, accounts) => accounts.remove(await accounts.findOneByOrFail({ id: 'x' }))],
  ['repository.softRemove', async (_, accounts) => accounts.softRemove(await accounts.findOneByOrFail({ id: 'x' }))],
  ['repository.recover', (_, accounts) => accounts.recover({ id: 'x', closedAt: new Date() })],
  ['repository.increment', (_, accounts) => accounts.increment({ id: 'x' }, 'balance', 1)],
  ['repository.clear', (_, accounts) => accounts.clear()],
  ['repository.query', (_, accounts) => accounts.query(INSERT)],
  ['insert builder', (_, accounts) => accounts.createQueryBuilder().insert().values({ id: 'new' }).execute()],
  ['update builder', (_, accounts) => accounts.createQueryBuilder().update().set({ balance: 9 }).execute()],
  [
    'update builder that calls no listeners',
    (_, accounts) => accounts.createQueryBuilder().update().set({ balance: 9 }).callListeners(false).execute(),
  ],
  ['delete builder', (_, accounts) => accounts.createQueryBuilder().delete().where({ id: 'x' }).execute()],
  [
    'insert builder into a table without entity',
    (dataSource) => dataSource.createQueryBuilder().insert().into('account', ['id']).values({ id: 'new' }).execute(),
  ],
  ['dataSource.manager.save', (dataSource) => dataSource.manager.save(Account, { id: 'new' })],
  ['dataSource.query', (dataSource) => dataSource.query(INSERT)],
  ['dataSource.query behind comments', (dataSource) => dataSource.query(`/* hi */ -- x\n ${UPDATE}`)],
  [
    'dataSource.query with a writing CTE',
    (dataSource) => dataSource.query(`with u as (${UPDATE} returning id) select * from u`),
  ],
  ['dataSource.sql', (dataSource) => dataSource.sql`update account set balance = ${5}`],
  ['dataSource.transaction', (dataSource) => dataSource.transaction((manager) => manager.save(Account, { id: 'new' }))],
  ['a query runner of its own', (dataSource) => onRunnerOfItsOwn(dataSource, UPDATE)],
  ['the second of two statements in one text', (dataSource) => dataSource.query(`select 1; ${UPDATE}`)],
  ['explain analyze', (dataSource) => dataSource.query(`explain analyze ${UPDATE}`)],
];

/** Which line of this file is calling? */
function lineOfCaller(): number {
  return Number(/int\.spec\.ts:(\d+)/.exec(new Error().stack!.split('\n')[2]!)![1]);
}

/** What the docstring of the guard admits. If one of these is caught one day, the docstring can say so. */
const missed: Shape[] = [
  ['a SELECT of a function that writes', (dataSource) => dataSource.query('select charge()')],
  [
    'the raw client of a query runner',
    async (dataSource) => {
      const runner = dataSource.createQueryRunner();
      const client = await runner.connect();
      await client.query(UPDATE).finally(() => runner.release());
    },
  ],
];

const reads: Shape[] = [
  ['find', (_, accounts) => accounts.find()],
  ['count', (_, accounts) => accounts.count()],
  ['save without a change', (_, accounts) => accounts.save({ id: 'x', balance: 1 })],
  ['a select builder', (_, accounts) => accounts.createQueryBuilder('a').getMany()],
  ['raw SQL', (dataSource) => dataSource.query('select * from account')],
  ['SELECT … FOR UPDATE', (dataSource) => dataSource.query('select * from account for update skip locked')],
  ['words that look like a write', (dataSource) => dataSource.query(`with a as (select 'update t set' as u) table a`)],
  ['a cached find, which writes the cache', (_, accounts) => accounts.find({ cache: { id: 'k', milliseconds: 1 } })],
];

describe('the stray-write guard', () => {
  let url: string;
  const opened: [DataSource, Transactions][] = [];

  async function connect(
    options: Partial<TransactionsOptions> = {},
    dataSourceOptions: Partial<DataSourceOptions> = {},
  ): Promise<{ dataSource: DataSource; transactions: Transactions }> {
    const dataSource = await new DataSource({
      type: 'postgres',
      extra: clientOfThisProject(),
      url,
      entities: [Account],
      connectTimeoutMS: 5000,
      poolSize: 5,
      cache: true,
      ...dataSourceOptions,
    } as DataSourceOptions).initialize();
    const transactions = new Transactions(dataSource, { strictWrites: 'throw', ...options });
    transactions.onModuleInit();
    opened.push([dataSource, transactions]);
    return { dataSource, transactions };
  }

  /** Runs `write` inside a transaction that then rolls back; says what became of both. */
  async function attempt(
    { dataSource, transactions }: { dataSource: DataSource; transactions: Transactions },
    write: Shape[1],
  ): Promise<{ error?: unknown; rows: unknown }> {
    let error: unknown;
    const rollback = new Error('rollback');
    const work = transactions.run(async () => {
      error = await write(dataSource, dataSource.getRepository(Account)).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      throw rollback;
    });
    await expect(work).rejects.toBe(rollback);
    return { error, rows: await dataSource.query('select id, balance, "closedAt" from account order by id') };
  }
  const untouched = [{ id: 'x', balance: 1, closedAt: null }];

  let bank: { dataSource: DataSource; transactions: Transactions };
  beforeAll(async () => {
    url = await testDatabase('guard');
    bank = await connect({}, { synchronize: true });
    await bank.dataSource.query(`create function charge() returns void language sql as '${UPDATE}'`);
  });
  afterAll(async () => {
    for (const [dataSource] of opened) await dataSource.destroy();
    await connectTestPostgres().dropDatabase(url);
  });
  beforeEach(async () => {
    await bank.dataSource.query('truncate account');
    await bank.dataSource.query(`insert into account values ('x', 1)`);
  });
  afterEach(() => jest.restoreAllMocks());

  it.each(caught)('catches %s', async (_name, write) => {
    const { error, rows } = await attempt(bank, write);
    expect(error).toBeInstanceOf(WriteOutsideTransactionError);
    expect(rows).toEqual(untouched);
  });

  it.each(caught)('shows the line of %s, if stacks are as short as Node makes them', async (_name, write) => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 10;
    try {
      let before = 0;
      const { error } = await attempt(bank, async (dataSource, accounts) => {
        before = lineOfCaller();
        await write(dataSource, accounts);
      });
      expect((error as Error).stack).toContain(`int.spec.ts:${before + 1}:`);
      expect(Error.stackTraceLimit).toBe(10);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  });

  it.each(missed)('cannot see %s', async (_name, write) => {
    const { error, rows } = await attempt(bank, write);
    expect(error).toBeUndefined();
    expect(rows).not.toEqual(untouched);
  });

  it.each(reads)('lets pass: %s', async (_name, read) => {
    const { error, rows } = await attempt(bank, read);
    expect(error).toBeUndefined();
    expect(rows).toEqual(untouched);
  });

  it('says what was written, and what to use instead', async () => {
    const { error } = await attempt(bank, (dataSource) => dataSource.query(INSERT));
    expect((error as Error).message).toMatch(
      /INSERT account \(entity Account\)\..*survive the transaction's rollback.*transactions\.repository\(Account\).*outside/,
    );
  });

  it.each([
    ['repository.softDelete', 'soft DELETE account'],
    ['repository.restore', 'recover account'],
    ['dataSource.transaction', 'a second transaction'],
  ])('calls the operation by its name: %s', async (name, operation) => {
    const [, write] = caught.find(([shape]) => shape === name)!;
    const { error } = await attempt(bank, write);
    expect((error as Error).message).toContain(operation);
  });

  it('is quiet about the transaction itself, outside(), and after the end', async () => {
    const { dataSource, transactions } = bank;
    await transactions.run(async (manager) => {
      await manager.insert(Account, { id: 'inside' });
      await manager.transaction((inner) => inner.insert(Account, { id: 'savepoint' }));
      await transactions.outside(() => dataSource.query(`insert into account values ('outside')`));
      await transactions.outside(() => dataSource.transaction((other) => other.insert(Account, { id: 'second' })));
    });
    await dataSource.query(`insert into account values ('after')`);
    expect(await dataSource.manager.find(Account, { select: { id: true }, order: { id: 'ASC' } })).toEqual(
      ['after', 'inside', 'outside', 'savepoint', 'second', 'x'].map((id) => ({ id })),
    );
  });

  it('is quiet about other DataSources', async () => {
    const { dataSource: other } = await connect();
    const { error } = await attempt(bank, () => other.query(UPDATE));
    expect(error).toBeUndefined();
  });

  it('comes before the deadlock on a pool of one', async () => {
    const small = await connect({}, { poolSize: 1, connectTimeoutMS: 1000 } as Partial<DataSourceOptions>);
    const shapes = ['repository.insert', 'repository.update', 'repository.delete', 'dataSource.transaction'];
    for (const [, write] of caught.filter(([name]) => shapes.includes(name))) {
      const { error } = await attempt(small, write);
      expect(error).toBeInstanceOf(WriteOutsideTransactionError);
    }
  });

  it('never breaks a transaction of somebody else by refusing its savepoint', async () => {
    const { dataSource, transactions } = bank;
    const theirs = dataSource.transaction(async (manager) => {
      await manager.insert(Account, { id: 'theirs' });
      await transactions.run(() => manager.transaction((inner) => inner.query(UPDATE)));
    });
    await expect(theirs).rejects.toThrow(WriteOutsideTransactionError);
    const { dataSource: observer } = await connect();
    expect(
      await observer.query(`select state from pg_stat_activity where state like 'idle in transaction%'
        and datname = current_database()`),
    ).toEqual([]);
  });

  it('lets ignored tables pass, by any spelling, and only them', async () => {
    const tolerant = await connect({ ignoreTables: ['Audit_Log'] });
    await tolerant.dataSource.query('create table audit_log (line text)');
    const { error } = await attempt(tolerant, (dataSource) =>
      dataSource.query(`insert into "public"."audit_log" values ('seen')`),
    );
    expect(error).toBeUndefined();
    const hidden = await attempt(tolerant, (dataSource) =>
      dataSource.query(`with l as (insert into audit_log values ('seen')) ${UPDATE}`),
    );
    expect(hidden.error).toBeInstanceOf(WriteOutsideTransactionError);
    expect(hidden.rows).toEqual(untouched);
  });

  it(`'warn' lets the write happen, logs it once and reports it every time`, async () => {
    const log = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
    const onStrayWrite = jest.fn();
    const lenient = await connect({ strictWrites: 'warn', onStrayWrite });
    for (let times = 0; times < 2; times += 1) {
      const { error } = await attempt(lenient, (dataSource) => dataSource.query(UPDATE));
      expect(error).toBeUndefined();
    }
    expect(onStrayWrite).toHaveBeenCalledTimes(2);
    expect(onStrayWrite).toHaveBeenCalledWith(expect.any(WriteOutsideTransactionError));
    expect(log).toHaveBeenCalledTimes(1);
    expect(log).toHaveBeenCalledWith(expect.stringContaining('UPDATE account'));
  });

  it(`'off' does not look`, async () => {
    const blind = await connect({ strictWrites: 'off' });
    const { error, rows } = await attempt(blind, (dataSource) => dataSource.query(UPDATE));
    expect(error).toBeUndefined();
    expect(rows).toEqual([{ id: 'x', balance: 5, closedAt: null }]);
  });
});
