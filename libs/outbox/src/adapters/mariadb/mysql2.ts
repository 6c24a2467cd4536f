import { createRequire } from 'node:module';
import { MissingDependencyError } from '../../errors';

/** mysql2 is an optional peer: its types are imported in this folder, its code only here. */
export type Mysql2 = typeof import('mysql2');

/** @throws MissingDependencyError */
export function loadMysql2(): Mysql2 {
  try {
    return createRequire(__filename)('mysql2') as Mysql2;
  } catch (cause) {
    throw new MissingDependencyError(
      'The MariaDB store needs mysql2, which could not be loaded. Run: npm install mysql2@^3.15.3',
      { cause },
    );
  }
}
