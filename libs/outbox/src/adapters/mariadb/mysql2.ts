import { loadPeer } from '../../peer';

/** mysql2 is an optional peer: its types are imported in this folder, its code only here. */
export type Mysql2 = typeof import('mysql2');

/** @throws MissingDependencyError */
export function loadMysql2(): Mysql2 {
  return loadPeer<Mysql2>(
    'mysql2',
    'The MariaDB store needs mysql2, which could not be loaded. Run: npm install mysql2@^3.15.3',
  );
}
