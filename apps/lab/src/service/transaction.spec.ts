import { Transaction } from './transaction';

describe('what a connection writes', () => {
  const told = (...statements: (string | [string, number])[]): unknown[] => {
    const transaction = new Transaction();
    const ended = statements.map((each) =>
      typeof each === 'string' ? transaction.take(each, 0) : transaction.take(...each),
    );
    return ended.filter((each) => each !== undefined);
  };

  it('is told when it is committed, in the order of the statements, CTEs among them', () => {
    const cte =
      'with m as (insert into "public"."outbox_message" values ($1)) insert into public.outbox_delivery values ($2)';
    expect(told('begin', ['update account set balance = 1', 1], [cte, 1], ['select 1', 1], 'commit')).toEqual([
      { writes: ['update account', 'insert outbox_message', 'insert outbox_delivery'], end: 'commit' },
    ]);
  });

  it('is told at once outside of a transaction', () => {
    expect(told(['delete from notification where id = $1', 1], ['update tcc set state = $1', 1])).toEqual([
      { writes: ['delete notification'], end: 'commit' },
      { writes: ['update tcc'], end: 'commit' },
    ]);
  });

  it('is nothing where no row was written, or none was looked for', () => {
    expect(
      told('begin', ['update stock set quantity = 1', 0], ['select * from stock for update', 3], 'rollback'),
    ).toEqual([]);
  });

  it('does not count what a savepoint took back', () => {
    expect(
      told(
        'START TRANSACTION',
        ['insert into inbox_message values ($1)', 1],
        'SAVEPOINT typeorm_1',
        ['update stock set quantity = 1', 1],
        'ROLLBACK TO SAVEPOINT typeorm_1',
        'COMMIT',
      ),
    ).toEqual([{ writes: ['insert inbox_message'], end: 'commit' }]);
  });

  it('is prepared, and ends on any connection', () => {
    expect(
      told('begin', ['insert into orders values ($1)', 1], `prepare transaction 'a'`, `commit prepared 'a'`),
    ).toEqual([
      { writes: ['insert orders'], end: 'prepare transaction' },
      { writes: [], end: 'commit prepared' },
    ]);
  });
});
