import { type DataSourceOptions } from 'typeorm';
import { engineOf } from './engine';

/** How an application of the benchmark connects, with a pool of that size. */
export function connection(url: string, poolSize: number): DataSourceOptions {
  return engineOf(url) === 'postgres'
    ? { type: 'postgres', url, extra: { max: poolSize } }
    : // What is in a column without a time zone is UTC.
      { type: 'mariadb', url, timezone: 'Z', extra: { connectionLimit: poolSize } };
}
