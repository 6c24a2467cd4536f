import type { InboxStore, OutboxStore } from './store';

/** Both halves' tables in one database, and what is to be known of that database before a process relies on it. */
export interface Store<Tx = unknown> extends OutboxStore<Tx> {
  /** The consumer's table. */
  readonly inbox: InboxStore<Tx>;
  /** @throws SchemaMismatchError if the tables are missing, are not the library's, or are of another version; says what to run */
  checkSchema(): Promise<void>;
  /** What about this server could lose an acknowledged commit, as sentences for a log; empty if nothing. */
  checkDurability(): Promise<string[]>;
  /** Who records here, as far as recent messages and registered follow-ups tell; in alphabetical order. */
  services(): Promise<string[]>;
  /**
   * Ends the store's own connections, in bounded time whatever the network does; whoever still waits for an answer has an error.
   * The application's connections are not touched. A second call is fine.
   */
  end(): Promise<void>;
}

/**
 * Makes the store of one process: what `store:` in the module's options takes, e.g. `postgres()`. `Source` is what the
 * application reaches its database with, and `Tx` what an open transaction of it is known by.
 */
export interface StoreFactory<Source = unknown, Tx = unknown> {
  /** The database's name: for messages and logs. */
  readonly name: string;
  /**
   * Called once, while the application is being built: it may look at the source's options, but asks the database nothing.
   * @throws InvalidOptionsError if the source is for another database, or a table name is not allowed
   */
  create(deps: StoreDeps<Source>): Store<Tx>;
  /** A source, not connected, for a tool that has nothing but a url. */
  sourceOf(url: string): Source;
}

/** What a store is given by the application. */
export interface StoreDeps<Source = unknown> {
  /** The application's way to the database that holds the tables. */
  readonly source: Source;
  /** Where the tables are. */
  readonly tables: { readonly schema?: string; readonly prefix?: string };
  /** Connections that the store may open for itself: what it does outside of the application's transactions takes none of theirs. */
  readonly poolSize: number;
}
