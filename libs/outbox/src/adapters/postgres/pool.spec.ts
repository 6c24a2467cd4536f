import type { PoolConfig } from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { InvalidOptionsError } from '../../errors';
import { poolFrom, survivingErrors } from './pool';

/** No connection is made: a pool connects at its first query. */
const optionsOf = (options: object): PoolConfig => {
  const dataSource = new DataSource({ type: 'postgres', ...options } as DataSourceOptions);
  return poolFrom(dataSource, { max: 3 }).options;
};

describe('poolFrom', () => {
  it('connects as the DataSource does, with a size of its own', () => {
    const password = (): string => 'a fresh token';
    const ssl = { ca: 'certificate' };
    const options = optionsOf({
      host: 'db.internal',
      port: 6432,
      username: 'shop',
      password,
      database: 'shop',
      ssl,
      poolSize: 50,
      connectTimeoutMS: 1234,
      extra: { max: 99, maxUses: 7, statement_timeout: 5000 },
      applicationName: 'user-service',
    });
    expect(options).toMatchObject({
      host: 'db.internal',
      port: 6432,
      user: 'shop',
      database: 'shop',
      ssl,
      connectionTimeoutMillis: 1234,
      statement_timeout: 5000,
      application_name: 'user-service (outbox)',
      max: 3,
      maxUses: 1_000,
    });
    // Not enumerable, which is why a copy of another pool's options would not have it.
    expect(options.password).toBe(password);
  });

  it('takes a url', () => {
    expect(optionsOf({ url: 'postgres://shop:secret@db/shop' }).connectionString).toBe(
      'postgres://shop:secret@db/shop',
    );
  });

  it('goes to the server that is written to', () => {
    const replication = { master: { host: 'primary' }, slaves: [{ host: 'replica' }] };
    expect(optionsOf({ replication }).host).toBe('primary');
  });

  it('does not wait for ever for a connection', () => {
    expect(optionsOf({ host: 'db' }).connectionTimeoutMillis).toBe(10_000);
  });

  it('refuses another database', () => {
    const dataSource = { options: { type: 'mysql' } } as unknown as DataSource;
    expect(() => poolFrom(dataSource, { max: 1 })).toThrow(InvalidOptionsError);
  });

  it('has a listener for errors, and never two', () => {
    const pool = poolFrom(new DataSource({ type: 'postgres', host: 'db' }), { max: 1 });
    expect(survivingErrors(pool).listenerCount('error')).toBe(1);
  });
});
