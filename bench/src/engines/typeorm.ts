import { type DataSourceOptions } from 'typeorm';
import { engineOf } from './engine';

/**
 * Of every pool on PostgreSQL, ours and by hand: its connections stay. `pg` closes those that were idle for ten seconds, as all are while
 * others are measured, and a server takes tens of milliseconds to open one: what was measured would be that, sixteen times.
 */
export const KEPT = { idleTimeoutMillis: 0 };

/** How an application of the benchmark connects, with a pool of that size. */
export function connection(url: string, poolSize: number): DataSourceOptions {
  return engineOf(url) === 'postgres'
    ? { type: 'postgres', url, extra: { max: poolSize, ...KEPT } }
    : // What is in a column without a time zone is UTC.
      { type: 'mariadb', url, timezone: 'Z', extra: { connectionLimit: poolSize } };
}
