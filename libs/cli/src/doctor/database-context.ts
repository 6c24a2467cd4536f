import type { TableOptions } from '@tallystick/outbox';
import type { ReadOnlyDatabase } from '../database';

/** What the checks of a database go by. */
export interface DatabaseContext extends ReadOnlyDatabase {
  /** Who has to ask over connections of his own. */
  readonly url: string;
  readonly options: TableOptions;
  /** The clock of this host. */
  now(): number;
  /** How far this host's clock may be off. */
  readonly skewMs: number;
  /** How long a transaction may be open. */
  readonly oldMs: number;
  /** How long a row may have been due. */
  readonly dueMs: number;
}
