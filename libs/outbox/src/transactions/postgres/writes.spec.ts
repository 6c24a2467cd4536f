import { findWrites } from './writes';

const writes: [sql: string, verb: string, table: string | undefined][] = [
  ['insert into x', 'INSERT', 'x'],
  [' INSERT INTO x', 'INSERT', 'x'],
  ['INSERT INTO "t"("id") VALUES ($1)', 'INSERT', 't'],
  ['insert into "public"."query-result-cache"(id) values (1)', 'INSERT', 'public.query-result-cache'],
  ['insert/**/into/**/x(a) values (1)', 'INSERT', 'x'],
  ['(insert into t values (1))', 'INSERT', 't'],
  ['\n\t/* a */ UPDATE x SET a = 1', 'UPDATE', 'x'],
  ['UPDATE "t" SET "a" = $1', 'UPDATE', 't'],
  ['UPDATE "t" AS "u" SET "a" = $1', 'UPDATE', 't'],
  ['update t * set a = 1', 'UPDATE', 't'],
  ['/* hi */ -- x\n update t set a = 1', 'UPDATE', 't'],
  ['-- c\ndelete from y', 'DELETE', 'y'],
  ['delete from only y', 'DELETE', 'y'],
  ['with a as (insert into t values (1) returning *) select 1', 'INSERT', 't'],
  ['with a as (update t set b = 5 returning id) select * from a', 'UPDATE', 't'],
  ['with m as materialized (delete from x) select 1', 'DELETE', 'x'],
  ['WITH a AS (select 1) UPDATE t set a=1', 'UPDATE', 't'],
  ['WITH a AS (SELECT 1) UPDATE "t" SET a=1', 'UPDATE', 't'],
  ['WITH a AS (SELECT 1) UPDATE ONLY t SET a=1', 'UPDATE', 't'],
  ['WITH a AS (select 1) DELETE FROM t', 'DELETE', 't'],
  ['MERGE INTO t using s on true when matched then do nothing', 'MERGE', 't'],
  ['select 1; update t set a=1', 'UPDATE', 't'],
  [`select e'it\\'s;'; delete from t`, 'DELETE', 't'],
  ['explain analyze update t set a=1', 'UPDATE', 't'],
  ['explain analyze verbose update t set a=1', 'UPDATE', 't'],
  ['explain (analyze, buffers) delete from t', 'DELETE', 't'],
  ['truncate t', 'TRUNCATE', 't'],
  ['TRUNCATE TABLE "t"', 'TRUNCATE', 't'],
  ['copy t from stdin', 'COPY', undefined],
  ['copy t (a, b) from stdin', 'COPY', undefined],
  ['call f()', 'CALL', undefined],
  ['do $$ begin null; end $$', 'DO', undefined],
  ['create temp table t as select 1', 'CREATE', undefined],
  ['refresh materialized view v', 'REFRESH', undefined],
];

const reads = [
  '',
  'select 1',
  'SELECT "updated" from inserts',
  'with a as (select 1) select * from a',
  `with a as (select 'update t set' as t, 1 as updated) select * from a`,
  'START TRANSACTION',
  'COMMIT',
  'SAVEPOINT a',
  'show x',
  'set local x=1',
  'listen x',
  'fetch 10 from c',
  'copy t to stdout',
  'copy (select * from t) to stdout',
  'explain select 1',
  'explain update t set a=1',
  'explain (costs off) delete from t',
  'select * from t for update',
  'select * from t for update skip locked',
  'with a as (select * from t for update of t) select 1',
  'with a as (select * from t for update) select 1',
  'select * from update_log',
  'with a as (select last_update from t) select 1',
  `select ';update x set a=1'`,
  `select 'it''s; update x set a=1'`,
  `select e'it\\'s; update x set a=1'`,
  'select "; update x set a=1" from t',
  'select 1 /* ; update x set a=1 */',
  'select 1 -- ; update x set a=1',
  'select $$ ; delete from x $$',
  'select $tag$ ; delete from $$ x $tag$',
  'select "update" from t',
  'select a as update from t',
  'select (update) from t',
  'select coalesce(a, b) update',
  'select coalesce(a, b) update from settings',
  'select 1 as call',
  'select do from x',
  'select t.create from t',
];

describe('findWrites', () => {
  it.each(writes)('finds the write in: %s', (sql, verb, table) => {
    expect(findWrites(sql)).toEqual([{ verb, table }]);
  });

  it.each(reads)('finds nothing in: %s', (sql) => {
    expect(findWrites(sql)).toEqual([]);
  });

  it('finds every write of a text, so that one ignored table does not hide another one', () => {
    const sql = 'with a as (insert into "Log" values (1)) update account set b = 1; delete from purchase';
    expect(findWrites(sql).map(({ table }) => table)).toEqual(['Log', 'account', 'purchase']);
  });

  it('does not know what a function does: the documented blind spot', () => {
    expect(findWrites('select charge_account(1)')).toEqual([]);
  });
});
