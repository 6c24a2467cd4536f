import type { StoreFactory } from '@tallystick/outbox';
import type { DataSourceOptions, EntityManager, MigrationInterface } from 'typeorm';

/** What is different for one kind of database, all of it. */
export interface Engine {
  /** How to connect: an exhausted pool or a database that is gone becomes an error, not a request that hangs. */
  connection(service: string, url: string): DataSourceOptions;
  readonly outboxMigrations: readonly (new () => MigrationInterface)[];
  /** Type and default of a column for when a row was written. */
  readonly instant: string;
  /** What a `varchar` needs for `order-1` and `ORDER-1` to be two, and for a blank at the end to count. */
  readonly everyCharacter: string;
  store(): StoreFactory;
  /** Nobody else is in here meanwhile, whichever process; the lock goes with its connection. */
  whileLocked(manager: EntityManager, work: () => Promise<void>): Promise<void>;
}
