import type { Pool } from 'pg';
import type { ConnectionPool } from '../dialect';

/** What `pg` says when a pool's `connectionTimeoutMillis` is over. */
const TIMED_OUT = 'timeout exceeded when trying to connect';

/** A pool of `pg`, as far as it can be asked. */
export function poolView(pool: Pool): ConnectionPool {
  return {
    size: pool.options.max,
    get waiting() {
      return pool.waitingCount;
    },
    timeoutMs: pool.options.connectionTimeoutMillis || undefined,
    isTimeout: ({ message }) => message === TIMED_OUT,
    onConnect: (listener) => void pool.on('connect', listener),
    offConnect: (listener) => void pool.off('connect', listener),
  };
}
