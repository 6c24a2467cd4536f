import { DataSource, type EntityManager } from 'typeorm';
import { InvalidOptionsError } from '../../errors';
import { unknownOptions } from '../../message/options';
import type { StoreFactory } from '../../ports/store-factory';
import { poolFrom } from './pool';
import { PostgresStore } from './postgres-store';

export interface PostgresOptions {
  /** Named prepared statements: a third faster; off behind PgBouncer, unless its `max_prepared_statements` is set. @default true */
  namedStatements?: boolean;
}

/**
 * The tables are in PostgreSQL, where the DataSource writes: `OutboxModule.forRoot({ …, store: postgres() })`, which is the
 * default.
 * @throws InvalidOptionsError with all problems
 */
export function postgres(options: PostgresOptions = {}): StoreFactory<DataSource, EntityManager> {
  const { namedStatements = true } = options;
  const problems = unknownOptions(options, ['namedStatements']);
  if (typeof namedStatements !== 'boolean')
    problems.push(`namedStatements ${JSON.stringify(namedStatements)} must be true or false`);
  if (problems.length > 0) throw new InvalidOptionsError(problems.map((problem) => `postgres(): ${problem}`));
  return {
    name: 'postgres',
    create: ({ source, tables, poolSize }) =>
      new PostgresStore({ pool: poolFrom(source, { max: poolSize, namedStatements }), ...tables, namedStatements }),
    sourceOf: (url) => new DataSource({ type: 'postgres', url, applicationName: 'tallystick tool' }),
  };
}
