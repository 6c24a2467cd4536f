import type { DataSource } from 'typeorm';
import { InvalidOptionsError } from '../errors';
import type { Dialect } from './dialect';
import { mysqlDialect } from './mysql/dialect';
import { postgresDialect } from './postgres/dialect';

/** By TypeORM's type. It reaches MariaDB by mysql2 too, under both names. */
const DIALECTS: Readonly<Record<string, Dialect>> = {
  postgres: postgresDialect,
  mysql: mysqlDialect,
  mariadb: mysqlDialect,
};

/** @throws InvalidOptionsError if transactions of this kind of DataSource are not known here */
export function dialectOf({ options: { type } }: DataSource): Dialect {
  const dialect = DIALECTS[type];
  if (dialect) return dialect;
  const known = Object.keys(DIALECTS).map((name) => `'${name}'`);
  throw new InvalidOptionsError([`the DataSource is of type '${type}'; the outbox needs ${known.join(' or ')}`]);
}
