import { type Cleanup, connectTestPostgres, startMariaDb } from '@tallystick/services';
import type { DatabaseKind, RigServer } from './rig-database';

/** The PostgreSQL of the test run, or a MariaDB until `cleanup`. */
export async function serverForTest(kind: DatabaseKind, cleanup: Cleanup): Promise<RigServer> {
  return kind === 'postgres' ? connectTestPostgres() : cleanup.stopLater(await startMariaDb({ install: true }));
}
