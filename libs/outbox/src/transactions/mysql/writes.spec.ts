import { endingOf, findWrites } from './writes';

const writes: [sql: string, verb: string, table: string | undefined][] = [
  ['insert into x values (1)', 'INSERT', 'x'],
  ['INSERT INTO `shop`.`account`(`id`) VALUES (?)', 'INSERT', 'shop.account'],
  ['insert ignore into x values (1)', 'INSERT', 'x'],
  ['insert x values (1)', 'INSERT', 'x'],
  ['insert/**/into/**/x(a) values (1)', 'INSERT', 'x'],
  ['insert into x values (1) on duplicate key update a = 1', 'INSERT', 'x'],
  ['replace into x values (1)', 'REPLACE', 'x'],
  ['REPLACE DELAYED `x` values (1)', 'REPLACE', 'x'],
  ['\n\t/* a */ UPDATE x SET a = 1', 'UPDATE', 'x'],
  ['update low_priority ignore x set a = 1', 'UPDATE', 'x'],
  ['update a join b using (id) set a.x = b.x', 'UPDATE', 'a'],
  ['-- c\ndelete from y', 'DELETE', 'y'],
  ['# c\ndelete from y', 'DELETE', 'y'],
  ['delete quick y from y join z using (id)', 'DELETE', 'y'],
  ['with a as (select 1) update t set a = 1', 'UPDATE', 't'],
  ['select 1; update t set a = 1', 'UPDATE', 't'],
  [`select 'it\\'s;'; delete from t`, 'DELETE', 't'],
  [`select 'it''s;'; delete from t`, 'DELETE', 't'],
  ['/*!50000 update t set a = 1 */', 'UPDATE', 't'],
  ['/*M! update t set a = 1 */', 'UPDATE', 't'],
  ['analyze update t set a = 1', 'UPDATE', 't'],
  ['analyze format=json delete from t', 'DELETE', 't'],
  ['explain analyze update t set a = 1', 'UPDATE', 't'],
  ['insert into `query-result-cache`(id) values (1)', 'INSERT', 'query-result-cache'],
  ['insert into "t" values (1)', 'INSERT', 't'],
  ['truncate t', 'TRUNCATE', 't'],
  ['TRUNCATE TABLE `t`', 'TRUNCATE', 't'],
  ["load data infile 'x' into table t", 'LOAD', undefined],
  ['call f()', 'CALL', undefined],
  ['create temporary table t as select 1', 'CREATE', undefined],
  ['begin not atomic update t set a = 1; end', 'BEGIN', undefined],
];

const reads = [
  '',
  'select 1',
  'select `update` from inserts',
  'select `insert into x` from t',
  'START TRANSACTION',
  'COMMIT',
  'SAVEPOINT a',
  'show tables',
  'set @x = 1',
  'explain select 1',
  'explain update t set a = 1',
  'desc delete from t',
  'select * from t for update',
  'select * from t for update skip locked',
  'with a as (select * from t for update) select 1',
  'select * from update_log',
  `select "; update x set a = 1"`,
  `select '; update x set a = 1'`,
  'select 1 /* ; update x set a = 1 */',
  'select 1 -- ; update x set a = 1',
  'select 1 # ; update x set a = 1',
  'select replace(a, b, c) from t',
  'select (replace(a, b, c)) from t',
  "select insert('text', 1, 2, 'x')",
  'select 1--1 from t',
];

describe('findWrites in the SQL of MariaDB and MySQL', () => {
  it.each(writes)('sees a write in: %s', (sql, verb, table) => {
    expect(findWrites(sql)[0]).toEqual({ verb, table });
  });

  it.each(reads)('sees none in: %s', (sql) => {
    expect(findWrites(sql)).toEqual([]);
  });
});

describe('endingOf', () => {
  it.each([
    'commit',
    ' COMMIT WORK',
    '/* by hand */ commit',
    '# by hand\ncommit',
    '/*! commit */',
    'begin',
    'start transaction read only',
    'create table t (a int)',
    'drop index i on t',
    'alter table t add b int',
    'truncate audit',
    'rename table a to b',
    'lock tables t write',
    'set autocommit = 1',
    'set @@session.autocommit = 0',
    'optimize table t',
  ])('knows that the server commits before or with: %s', (sql) => {
    expect(endingOf(sql)).toBe('commit');
  });

  it('tells a rollback from one to a savepoint', () => {
    expect(['rollback', 'ROLLBACK WORK', 'rollback to a', 'rollback work to savepoint a'].map(endingOf)).toEqual([
      'rollback',
      'rollback',
      'rollback to savepoint',
      'rollback to savepoint',
    ]);
  });

  it.each([
    'select 1',
    'savepoint a',
    'release savepoint a',
    'update begin set a = 1',
    "insert into t values ('commit')",
    'create temporary table t (a int)',
    'drop temporary table t',
    'create or replace temporary table t (a int)',
    'begin not atomic select 1; end',
    'set @autocommit = 1',
    'commits',
  ])('says nothing of: %s', (sql) => {
    expect(endingOf(sql)).toBeUndefined();
  });
});
