import { TransactionRecord } from './transaction-record';

/** A callback that can be recognised in what the record hands out. */
const named =
  (name: string): (() => string) =>
  () =>
    name;
const names = (callbacks: (() => unknown)[]): unknown[] => callbacks.map((callback) => callback());

describe('TransactionRecord', () => {
  let record: TransactionRecord;
  const register = (name: string): void => record.afterCommit(named(name) as unknown as () => void);
  beforeEach(() => {
    record = new TransactionRecord({});
  });

  it('hands the callbacks out once, in order, when the outermost level commits', () => {
    register('first');
    record.savepointOpened();
    register('second');
    expect(record.levelCommitted()).toEqual([]);
    expect(record.committed).toBe(false);
    expect(names(record.levelCommitted())).toEqual(['first', 'second']);
    expect(record.committed).toBe(true);
  });

  it('drops what belongs to a rolled-back savepoint and keeps what is older', () => {
    register('outer');
    record.savepointOpened();
    register('inner');
    record.levelRolledBack();
    expect(names(record.levelCommitted())).toEqual(['outer']);
  });

  it('drops what a released savepoint left behind when the savepoint around it is rolled back', () => {
    record.savepointOpened();
    record.savepointOpened();
    register('innermost');
    record.levelCommitted();
    record.levelRolledBack();
    register('later');
    expect(names(record.levelCommitted())).toEqual(['later']);
  });

  it('drops everything when the transaction rolls back', () => {
    record.beforeCommit(() => Promise.resolve());
    record.levelRolledBack();
    expect(record.nextHook()).toBeUndefined();
    expect(record.committed).toBe(false);
  });
});
