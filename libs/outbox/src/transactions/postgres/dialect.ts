import type { Pool } from 'pg';
import type { Dialect } from '../dialect';
import { postgresFaults } from './faults';
import { poolView } from './pool';
import { postgresSessions } from './sessions';
import { findWrites } from './writes';

const ENDS_TRANSACTION = /^\s*(?:commit|end|rollback|abort)\b/i;
const COMMITS = /^\s*(?:commit|end)\b/i;
const ROLLS_BACK_TO_SAVEPOINT = /^\s*rollback(?:\s+(?:work|transaction))?\s+to\b/i;

export const postgresDialect: Dialect = {
  name: 'PostgreSQL',
  faults: postgresFaults,
  sessions: postgresSessions,
  endingOf(sql) {
    if (!ENDS_TRANSACTION.test(sql)) return undefined;
    if (COMMITS.test(sql)) return 'commit';
    return ROLLS_BACK_TO_SAVEPOINT.test(sql) ? 'rollback to savepoint' : 'rollback';
  },
  findWrites,
  /** A failed transaction takes COMMIT and says, without an error, that it has rolled back. */
  insteadOfCommit(answer) {
    const { command } = (answer ?? {}) as { command?: string };
    return command === 'COMMIT' ? undefined : String(command);
  },
  poolOf({ driver }) {
    const { master } = driver as { master?: Pool };
    return master && poolView(master);
  },
  waitLimit: {
    option: 'connectTimeoutMS',
    isSet({ options }) {
      const { connectTimeoutMS, extra } = options as PoolOptions;
      return Boolean(connectTimeoutMS || extra?.connectionTimeoutMillis);
    },
  },
};

interface PoolOptions {
  connectTimeoutMS?: number;
  extra?: { connectionTimeoutMillis?: number };
}
