import { loadPeer } from '../../peer';

/** pg is an optional peer, for who keeps his tables in PostgreSQL: everybody else imports its types only. */
export type Pg = typeof import('pg');

/** @throws MissingDependencyError */
export function loadPg(): Pg {
  return loadPeer<Pg>(
    'pg',
    'PostgreSQL needs pg, which could not be loaded. Run: npm install pg@^8.11.0. (For MariaDB it is not needed: set store: mariadb().)',
  );
}

/** The classes of pg that ours extend. Where it is missing, nobody can make one, and is told then. */
export function classesOfPg(): Pick<Pg, 'Client' | 'Query'> {
  try {
    return loadPg();
  } catch (error) {
    class Missing {
      constructor() {
        throw error;
      }
    }
    return { Client: Missing, Query: Missing } as unknown as Pg;
  }
}
