import { SilentRollbackError, TransactionEndedError } from '../../errors';
import { type Interference, MemoryDatabase } from './memory-database';
import { MemoryDatabaseError } from './memory-database-error';
import type { RowChange } from './memory-table';
import type { MemoryTransaction } from './memory-transaction';
import { MemoryTransactions } from './memory-transactions';
import { VirtualClock } from './virtual-clock';

interface Account {
  readonly cents: number;
}

/** What became of a promise so far, without waiting for it. */
function watch<T>(promise: Promise<T>): { value?: T; error?: unknown; settled: boolean } {
  const seen: { value?: T; error?: unknown; settled: boolean } = { settled: false };
  promise.then(
    (value) => Object.assign(seen, { value, settled: true }),
    (error: unknown) => Object.assign(seen, { error, settled: true }),
  );
  return seen;
}

describe('MemoryDatabase', () => {
  let clock: VirtualClock;
  let database: MemoryDatabase;
  const accounts = (transaction: MemoryTransaction) => transaction.table<Account>('accounts');
  const begin = () => database.connect().begin();
  const rows = () => database.rows<Account>('accounts');

  beforeEach(async () => {
    clock = new VirtualClock();
    database = new MemoryDatabase(clock, 1_000_000);
    await database.connect().transaction((transaction) => accounts(transaction).put('anna', { cents: 100 }));
  });

  it('shows others what was committed only (read committed)', async () => {
    const [writer, reader] = [await begin(), await begin()];
    await accounts(writer).put('anna', { cents: 90 });
    expect(await accounts(writer).get('anna')).toEqual({ cents: 90 });
    expect(await accounts(reader).get('anna')).toEqual({ cents: 100 });
    await writer.commit();
    expect(await accounts(reader).get('anna')).toEqual({ cents: 90 });
  });

  it('takes everything back on rollback: changes, inserts and deletes', async () => {
    const transaction = await begin();
    await accounts(transaction).update('anna', ({ cents }) => ({ cents: cents - 10 }));
    await accounts(transaction).insert('bert', { cents: 1 });
    await accounts(transaction).delete('anna');
    await transaction.rollback();
    expect(rows()).toEqual([{ cents: 100 }]);
  });

  it('tells whoever listens what each commit has changed, and nothing of what is taken back', async () => {
    const told: RowChange<Account>[] = [];
    database.table<Account>('accounts').onCommit((change) => told.push(change));
    const [kept, lost] = [await begin(), await begin()];
    await accounts(kept).put('anna', { cents: 90 });
    await accounts(kept).put('anna', { cents: 80 });
    await accounts(kept).insert('bert', { cents: 1 });
    await accounts(kept).lock('bert');
    await accounts(lost).insert('cleo', { cents: 1 });
    expect(told).toEqual([]);
    await kept.commit();
    await lost.rollback();
    expect(told).toEqual([
      { key: 'anna', before: { cents: 100 }, after: { cents: 80 } },
      { key: 'bert', before: undefined, after: { cents: 1 } },
    ]);
  });

  it('makes a second writer wait for the first, and then work on what that one committed', async () => {
    const [first, second] = [await begin(), await begin()];
    await accounts(first).update('anna', ({ cents }) => ({ cents: cents - 10 }));
    const waiting = watch(accounts(second).update('anna', ({ cents }) => ({ cents: cents - 1 })));
    await clock.advance(1000);
    expect(waiting.settled).toBe(false);
    await first.commit();
    await clock.advance(0);
    expect(waiting).toMatchObject({ settled: true, value: true });
    await second.commit();
    expect(rows()).toEqual([{ cents: 89 }]);
  });

  it('serves those who wait for a row in the order they came', async () => {
    const holder = await begin();
    await accounts(holder).lock('anna');
    const served: number[] = [];
    const queue = [1, 2, 3].map(async (place) => {
      const transaction = await begin();
      await accounts(transaction).lock('anna');
      served.push(place);
      await transaction.rollback();
    });
    await clock.advance(0);
    await holder.commit();
    await Promise.all(queue);
    expect(served).toEqual([1, 2, 3]);
  });

  it('skips a row that somebody else holds', async () => {
    const table = database.table<Account>('accounts');
    const [holder, other] = [await begin(), await begin()];
    expect(table.tryLock(holder, 'anna')).toEqual({ cents: 100 });
    expect(table.tryLock(other, 'anna')).toBeUndefined();
    expect(table.tryLock(holder, 'anna')).toEqual({ cents: 100 });
    await holder.rollback();
    expect(table.tryLock(other, 'anna')).toEqual({ cents: 100 });
  });

  describe('an insert whose twin is not committed yet', () => {
    it('waits, and finds the key taken when the twin commits', async () => {
      const [first, second] = [await begin(), await begin()];
      expect(await accounts(first).insert('bert', { cents: 1 })).toBe(true);
      const waiting = watch(accounts(second).insert('bert', { cents: 2 }));
      await clock.advance(1000);
      expect(waiting.settled).toBe(false);
      await first.commit();
      await clock.advance(0);
      expect(waiting.value).toBe(false);
    });

    it('waits, and goes ahead when the twin rolls back', async () => {
      const [first, second] = [await begin(), await begin()];
      await accounts(first).insert('bert', { cents: 1 });
      const waiting = watch(accounts(second).insert('bert', { cents: 2 }));
      await first.rollback();
      await clock.advance(0);
      expect(waiting.value).toBe(true);
      await second.commit();
      expect(rows()).toContainEqual({ cents: 2 });
    });

    it('waits no longer than its lock time-out', async () => {
      const table = database.table<Account>('accounts');
      const [first, second] = [await begin(), await begin()];
      await accounts(first).insert('bert', { cents: 1 });
      const waiting = watch(table.insert(second, 'bert', () => ({ cents: 2 }), { timeoutMs: 500 }));
      await clock.advance(499);
      expect(waiting.settled).toBe(false);
      await clock.advance(1);
      expect(waiting.error).toMatchObject({ code: '55P03' });
      await first.rollback();
      expect(rows()).toHaveLength(1);
    });
  });

  it('refuses a wait that could never end', async () => {
    const [one, two] = [await begin(), await begin()];
    await accounts(one).put('bert', { cents: 1 });
    await accounts(two).lock('anna');
    const waiting = watch(accounts(one).lock('anna'));
    await expect(accounts(two).put('bert', { cents: 2 })).rejects.toMatchObject({ code: '40P01' });
    await two.rollback();
    await clock.advance(0);
    expect(waiting.value).toEqual({ cents: 100 });
  });

  it('takes no more statements after an error, and answers COMMIT with an error', async () => {
    const transaction = await begin();
    await accounts(transaction).put('anna', { cents: 0 });
    await transaction.statement(() => Promise.reject(new Error('constraint'))).catch(() => undefined);
    await expect(accounts(transaction).get('anna')).rejects.toMatchObject({ code: '25P02' });
    await expect(transaction.commit()).rejects.toThrow(SilentRollbackError);
    expect(rows()).toEqual([{ cents: 100 }]);
  });

  it('refuses statements of a transaction that is over', async () => {
    const transaction = await begin();
    await transaction.commit();
    await expect(accounts(transaction).get('anna')).rejects.toThrow(TransactionEndedError);
  });

  it('runs the statements of one transaction one after another, though nobody awaited them', async () => {
    const [holder, transaction] = [await begin(), await begin()];
    await accounts(holder).lock('anna');
    const first = watch(accounts(transaction).lock('anna'));
    const second = watch(accounts(transaction).put('bert', { cents: 1 }));
    await clock.advance(0);
    expect([first.settled, second.settled]).toEqual([false, false]);
    await holder.rollback();
    await clock.advance(0);
    expect([first.settled, second.settled]).toEqual([true, true]);
  });

  it('rolls a savepoint back alone: its rows, its locks, its error and its callbacks', async () => {
    const [transaction, other] = [await begin(), await begin()];
    const committed = jest.fn();
    await accounts(transaction).put('bert', { cents: 1 });
    const part = transaction.savepoint(async () => {
      await accounts(transaction).put('anna', { cents: 0 });
      await accounts(transaction).put('bert', { cents: 2 });
      transaction.afterCommit(committed);
      throw new Error('no');
    });
    await expect(part).rejects.toThrow('no');
    expect(await accounts(other).lock('anna')).toEqual({ cents: 100 });
    await other.rollback();
    await transaction.commit();
    expect(rows()).toEqual([{ cents: 100 }, { cents: 1 }]);
    expect(committed).not.toHaveBeenCalled();
  });

  it('has a wall clock that runs with its clock and can be set', async () => {
    await clock.advance(500);
    expect(database.now()).toBe(1_000_500);
    database.moveNow(-2000);
    expect(database.now()).toBe(998_500);
  });

  describe('faults', () => {
    const failingAt = (moment: string, code: '40001' | '08006'): Interference => {
      return (now) => {
        if (now === moment) throw new MemoryDatabaseError(code, moment);
      };
    };
    const debit = (transaction: MemoryTransaction) => accounts(transaction).put('anna', { cents: 0 });

    it.each(['begin', 'statement', 'commit'])('a connection lost at %s leaves nothing behind', async (moment) => {
      const client = database.connect(failingAt(moment, '08006'));
      await expect(client.transaction(debit)).rejects.toMatchObject({ code: '08006' });
      expect(rows()).toEqual([{ cents: 100 }]);
    });

    it('a connection lost after the commit leaves the client in doubt and the row changed', async () => {
      const transactions = new MemoryTransactions(database.connect(failingAt('committed', '08006')));
      const [committed, ended] = [jest.fn(), jest.fn()];
      const running = transactions.run(async (transaction) => {
        transactions.afterCommit(committed, transaction);
        transactions.afterEnd(ended, transaction);
        await debit(transaction);
      });
      await expect(running).rejects.toMatchObject({ code: '08006' });
      expect(rows()).toEqual([{ cents: 0 }]);
      expect(committed).not.toHaveBeenCalled();
      expect(ended).toHaveBeenCalledTimes(1);
    });

    it('the death of a process rolls back what it had open, frees its locks and answers nobody', async () => {
      const [client, other] = [database.connect(), database.connect()];
      const dying = await client.begin();
      await debit(dying);
      const waitsForOther = await client.begin();
      const holder = await other.begin();
      await accounts(holder).put('bert', { cents: 1 });
      const unanswered = watch(accounts(waitsForOther).put('bert', { cents: 2 }));
      await clock.advance(0);
      client.kill();
      const late = watch(accounts(dying).get('anna'));
      await holder.commit();
      await other.transaction((transaction) => accounts(transaction).update('bert', () => ({ cents: 3 })));
      await clock.advance(1000);
      expect([unanswered.settled, late.settled]).toEqual([false, false]);
      expect(rows()).toEqual([{ cents: 100 }, { cents: 3 }]);
    });

    it('a process that dies in the moment it gets a lock does not write any more', async () => {
      const [client, other] = [database.connect(), database.connect()];
      const [holder, next, last] = [await client.begin(), await client.begin(), await other.begin()];
      await accounts(holder).put('bert', { cents: 1 });
      watch(accounts(next).put('bert', { cents: 2 }));
      const waiting = watch(accounts(last).insert('bert', { cents: 3 }));
      await clock.advance(0);
      client.kill();
      await clock.advance(0);
      expect(waiting.value).toBe(true);
      await last.commit();
      expect(rows()).toContainEqual({ cents: 3 });
    });
  });
});

describe('MemoryTransactions', () => {
  const database = new MemoryDatabase(new VirtualClock());
  const client = database.connect();
  const transactions = new MemoryTransactions(client);

  it('joins the ambient transaction, or opens a new one when asked', async () => {
    await transactions.run(async (outer) => {
      expect(transactions.current()).toBe(outer);
      await transactions.run(async (inner) => expect(inner).toBe(outer));
      await transactions.run(async (inner) => expect(inner).not.toBe(outer), { propagation: 'new' });
    });
    expect(transactions.current()).toBeUndefined();
  });

  it('calls back before the commit, after it, and at the end, in this order', async () => {
    const calls: string[] = [];
    await transactions.run(async (transaction) => {
      transactions.afterEnd(() => calls.push('end'), transaction);
      transactions.afterCommit(() => calls.push('commit'), transaction);
      transactions.beforeCommit(async () => void calls.push('before'), transaction);
    });
    expect(calls).toEqual(['before', 'commit', 'end']);
  });

  it('rolls back if a hook before the commit throws', async () => {
    const committed = jest.fn();
    const running = transactions.run(async (transaction) => {
      await transaction.table('things').put('a', {});
      transactions.afterCommit(committed, transaction);
      transactions.beforeCommit(() => Promise.reject(new Error('no')), transaction);
    });
    await expect(running).rejects.toThrow('no');
    expect(database.rows('things')).toEqual([]);
    expect(committed).not.toHaveBeenCalled();
  });

  it('knows its own transactions from those of others, and counts statements', async () => {
    const foreign = await client.begin();
    expect(transactions.isOwn(foreign)).toBe(false);
    await transactions.run(async (own) => {
      expect(transactions.isOwn(own)).toBe(true);
      const before = transactions.statementCount(own);
      await own.table('things').all();
      expect(transactions.statementCount(own)).toBe(before + 1);
    });
    await foreign.rollback();
    expect(transactions.isOpen(foreign)).toBe(false);
  });
});
