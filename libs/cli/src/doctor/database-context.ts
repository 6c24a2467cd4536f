import type { OutboxTables, TableOptions } from '@tallystick/outbox';
import type { Client } from 'pg';
import type { ReadOnlyDatabase } from '../read-only';

/** What the checks of a database go by. */
export interface DatabaseContext {
  readonly database: ReadOnlyDatabase;
  readonly options: TableOptions;
  readonly tables: OutboxTables;
  /** One more connection. It is closed afterwards. */
  connect(): Promise<Client>;
  /** The clock of this host. */
  now(): number;
  /** How far this host's clock may be off. */
  readonly skewMs: number;
  /** How long a transaction may be open. */
  readonly oldMs: number;
  /** How long a row may have been due. */
  readonly dueMs: number;
}
