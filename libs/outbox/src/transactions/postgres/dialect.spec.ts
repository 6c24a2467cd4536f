import type { DataSource } from 'typeorm';
import { postgresDialect } from './dialect';

describe('the dialect of PostgreSQL', () => {
  it.each([
    ['COMMIT', 'commit'],
    ['  end transaction', 'commit'],
    ['rollback', 'rollback'],
    ['ABORT', 'rollback'],
    ['ROLLBACK TO SAVEPOINT a', 'rollback to savepoint'],
    ['rollback work to a', 'rollback to savepoint'],
    ['rollback and chain', 'rollback'],
  ])('reads of %j that it is a %s', (sql, ending) => {
    expect(postgresDialect.endingOf(sql)).toBe(ending);
  });

  it.each(['select 1', 'endure()', 'release savepoint a', "select 'commit'", 'begin'])(
    'ends nothing with %j',
    (sql) => {
      expect(postgresDialect.endingOf(sql)).toBeUndefined();
    },
  );

  it('knows that a failed transaction takes COMMIT, and answers without an error that it has rolled back', () => {
    expect(postgresDialect.insteadOfCommit({ command: 'COMMIT' })).toBeUndefined();
    expect(postgresDialect.insteadOfCommit({ command: 'ROLLBACK' })).toBe('ROLLBACK');
    expect([undefined, null, []].map(postgresDialect.insteadOfCommit)).toEqual(Array(3).fill('undefined'));
  });

  it.each([
    [{ connectTimeoutMS: 1_000 }, true],
    [{ extra: { connectionTimeoutMillis: 1_000 } }, true],
    [{ connectTimeoutMS: 0, extra: {} }, false],
    [{}, false],
  ])('finds in the options %j whether a wait for a connection is bounded: %j', (options, isSet) => {
    expect(postgresDialect.waitLimit!.isSet({ options } as unknown as DataSource)).toBe(isSet);
  });

  it('knows no pool before the DataSource is initialised', () => {
    expect(postgresDialect.poolOf({ driver: {} } as unknown as DataSource)).toBeUndefined();
    const master = { options: { max: 7, connectionTimeoutMillis: 0 }, waitingCount: 2 };
    expect(postgresDialect.poolOf({ driver: { master } } as unknown as DataSource)).toMatchObject({
      ...{ size: 7, waiting: 2, timeoutMs: undefined },
    });
  });
});
