import type { StoreFactory } from '@tallystick/outbox';
import type { Ask } from '@tallystick/services';
import type { DataSourceOptions, MigrationInterface } from 'typeorm';

export type DatabaseKind = 'postgres' | 'mariadb';

/** Where the two databases of a rig are made, whoever started it. */
export interface RigServer {
  /** @returns the url of the new database */
  createDatabase(): Promise<string>;
  dropDatabase(nameOrUrl: string): Promise<void>;
}

/** One of our own: it is going to suffer. */
export interface PrivateRigServer extends RigServer {
  readonly port: number;
  /** The process that holds the data, while it runs. */
  readonly pid?: number | undefined;
  /** It is killed where it stands, with whatever it has not written down, and recovers. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

/** What is different for one kind of database. What the audit asks is not among it: see `sql.ts`. */
export interface RigDatabase {
  readonly kind: DatabaseKind;
  startServer(onProgress?: (line: string) => void): Promise<PrivateRigServer>;

  // what a service is made of
  connection(service: string, url: string): DataSourceOptions;
  readonly migrations: readonly (new () => MigrationInterface)[];
  store(): StoreFactory;
  /** A statement with `?` for values, as its driver wants it. */
  prepared(sql: string): string;

  // what the tables are made of, a statement each
  readonly outboxTables: readonly string[];
  /** Into `transition`: every change of state, so that a step back is seen however soon it is mended. */
  readonly noteTransitions: readonly string[];
  /** All there is in a schema, a `line` each, and which migrations are noted as done. */
  readonly schemaLines: string;

  /** Ends connections to the database that is asked: each with this probability, and not the one that asks. */
  endConnections(ask: Ask, probability: number): Promise<void>;
}
