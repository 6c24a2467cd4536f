import type { Pool } from 'mysql2';
import type { ConnectionPool } from '../dialect';

/** Not in mysql2's types. */
interface Queues {
  readonly config?: { readonly connectionLimit?: number };
  readonly _connectionQueue?: { readonly length: number };
}

/** A pool of mysql2, as far as it can be asked. It knows no limit for how long a call waits for a connection. */
export function mysqlPool(pool: Pool & Queues): ConnectionPool {
  return {
    size: pool.config?.connectionLimit,
    get waiting() {
      return pool._connectionQueue?.length ?? 0;
    },
    timeoutMs: undefined,
    isTimeout: () => false,
    onConnect: (listener) => void pool.on('connection', listener),
    offConnect: (listener) => void pool.off('connection', listener),
  };
}
