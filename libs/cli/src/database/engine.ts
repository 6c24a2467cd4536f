import type { StoreFactory, TableOptions } from '@tallystick/outbox';
import type { Check } from '../doctor/check';
import type { DatabaseContext } from '../doctor/database-context';
import type { Questions } from './questions';

/** One kind of database that a service may keep its tables in, and all that the commands have to know of it. */
export interface Engine {
  /** For `openOutbox`. @throws Error that says what to install */
  store(): StoreFactory;
  /** What creates the tables, or brings them up to date. @param url of the server that will read it; undefined: nobody said */
  schemaSql(url: string | undefined, tables: TableOptions): Promise<string>;
  /** Runs it. Two at once wait for each other. */
  migrate(url: string, tables: TableOptions): Promise<void>;
  /** Opens a connection for this. Nothing can be changed over it, and what is asked takes bounded time. */
  readOnly<T>(url: string, purpose: string, work: (ask: AskDatabase) => Promise<T>): Promise<T>;
  questions(tables: TableOptions): Questions;
  /** What the doctor asks of the server and of the tables as they are there. */
  readonly checks: readonly Check<DatabaseContext>[];
}

/** A statement of one kind of database, and what its rows mean. */
export interface Question<Row extends object = object> {
  readonly text: string;
  /** As the engine writes them into its text. */
  readonly values?: readonly unknown[] | Readonly<Record<string, unknown>>;
  /** Where a row does not arrive as it is meant. */
  readonly row?: (found: Record<string, unknown>) => Row;
}

/** One statement in a transaction of its own, so that it is in nobody's way for longer than it takes. */
export type AskDatabase = <Row extends object>(question: Question<Row>) => Promise<Row[]>;

/** Long for any statement of ours; what takes longer would be in the way of the service. */
export const STATEMENT_TIMEOUT_MS = 30_000;
export const CONNECT_TIMEOUT_MS = 10_000;
