import { randomUUID } from 'node:crypto';
import { connectTestPostgres, testDatabase } from '@tallystick/services';
import { DataSource } from 'typeorm';
import { HalfMessageRuledOutError } from '../errors';
import type { HalfMessage } from '../half-message';
import { barrierSql, TypeOrmBarrier } from './typeorm-barrier';

describe('The barrier in a database', () => {
  let url: string;
  let dataSource: DataSource;
  let barrier: TypeOrmBarrier;

  beforeAll(async () => {
    url = await testDatabase('barrier');
    dataSource = await new DataSource({ type: 'postgres', url }).initialize();
    barrier = new TypeOrmBarrier(dataSource, { lockTimeoutMs: 50 });
    await dataSource.query(barrierSql());
    await dataSource.query('create table effect (id uuid primary key)');
  });
  afterAll(async () => {
    await dataSource.destroy();
    await connectTestPostgres().dropDatabase(url);
  });
  beforeEach(() => dataSource.query('truncate half_message_barrier, effect'));

  const half = (): HalfMessage => ({ id: randomUUID(), type: 'ticket.sold', payload: '{"seat":1}' });
  const work = (each: HalfMessage, then: () => Promise<void> = () => Promise.resolve()): Promise<void> =>
    dataSource.transaction(async (manager) => {
      await barrier.commit(manager, each);
      await manager.query('insert into effect values ($1)', [each.id]);
      await then();
    });
  const effects = async (): Promise<number> => (await dataSource.query<unknown[]>('select from effect')).length;

  it('tells what was committed, again and again', async () => {
    const each = half();
    await work(each);
    expect(await barrier.check(each)).toBe('committed');
    expect(await barrier.check(each)).toBe('committed');
  });

  it('rules out what it does not find: a transaction that comes later fails, with all it did', async () => {
    const each = half();
    expect(await barrier.check(each)).toBe('rolled back');
    await expect(work(each)).rejects.toThrow(HalfMessageRuledOutError);
    expect(await effects()).toBe(0);
    expect(await barrier.check(each)).toBe('rolled back');
  });

  it('rules out what was rolled back', async () => {
    const each = half();
    await expect(work(each, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await barrier.check(each)).toBe('rolled back');
  });

  it('does not judge a transaction that is still under way, and knows when it is over', async () => {
    const each = half();
    await work(each, async () => expect(await barrier.check(each)).toBe('not known yet'));
    expect(await barrier.check(each)).toBe('committed');
  });

  it('keeps the first decision, whoever comes at the same time', async () => {
    for (let round = 0; round < 30; round++) {
      const each = half();
      const [worked, checked] = await Promise.all([
        work(each).then(
          () => true,
          () => false,
        ),
        barrier.check(each),
      ]);
      const final = checked === 'not known yet' ? await barrier.check(each) : checked;
      expect(final).toBe(worked ? 'committed' : 'rolled back');
    }
  });

  it('says nothing of other content that comes under the same id', async () => {
    const each = half();
    await work(each);
    expect(await barrier.check({ ...each, payload: '{"seat":2}' })).toBe('rolled back');
    expect(await barrier.check(each)).toBe('committed');
  });

  it('forgets what is old', async () => {
    await work(half());
    expect(await barrier.prune(60_000)).toBe(0);
    await dataSource.query(`update half_message_barrier set decided_at = decided_at - interval '1 hour'`);
    expect(await barrier.prune(60_000)).toBe(1);
  });

  it('takes no name for its table that could be something else', () => {
    expect(() => new TypeOrmBarrier(dataSource, { table: 'a; drop table b' })).toThrow(TypeError);
  });
});
