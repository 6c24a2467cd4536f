import type { Pool } from 'mysql2';
import type { Dialect } from '../dialect';
import { mysqlFaults } from './faults';
import { mysqlPool } from './pool';
import { mysqlSessions } from './sessions';
import { endingOf, findWrites } from './writes';

/** MariaDB and MySQL, by mysql2: what TypeORM uses for its types `mysql` and `mariadb`. */
export const mysqlDialect: Dialect = {
  name: 'MariaDB',
  faults: mysqlFaults,
  sessions: mysqlSessions,
  endingOf,
  findWrites,
  /** It commits, or it answers with an error. */
  insteadOfCommit: () => undefined,
  /** None for a cluster of pools: it has several. */
  poolOf({ driver }) {
    const { pool } = driver as { pool?: Pool };
    return pool && mysqlPool(pool);
  },
  waitLimit: undefined,
};
