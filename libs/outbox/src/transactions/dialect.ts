import type { DataSource } from 'typeorm';
import type { Faults } from '../ports/faults';

/** The driver's connection under a query runner. What it is, its dialect knows. */
export type Session = object;

/** What one database, and TypeORM's driver for it, do in their own way where transactions are concerned. */
export interface Dialect {
  /** As people call it. */
  readonly name: string;
  readonly faults: Faults;
  readonly sessions: Sessions;
  /** What a statement does to the transaction it is sent in, as far as its text tells. */
  endingOf(sql: string): Ending | undefined;
  /** The writes in a SQL text, found by looking at it. */
  findWrites(sql: string): SqlWrite[];
  /** COMMIT was answered with this: what was done instead, where that is no error. */
  insteadOfCommit(answer: unknown): string | undefined;
  /** The DataSource's pool; undefined before it is initialised. */
  poolOf(dataSource: DataSource): ConnectionPool | undefined;
  /** The DataSource's option that bounds how long a call waits for a connection; undefined where nothing does. */
  readonly waitLimit: { readonly option: string; isSet(dataSource: DataSource): boolean } | undefined;
}

export type Ending = 'commit' | 'rollback' | 'rollback to savepoint';

/** *ended*: by a COMMIT or ROLLBACK that somebody sent; *rolled back*: by the server, for the sake of another transaction. */
export type TransactionState = 'open' | 'ended' | 'rolled back';

/** One write that a SQL text performs. `table` as written but without quotes; absent where it cannot be told. */
export interface SqlWrite {
  readonly verb: string;
  readonly table?: string;
}

/** What becomes of single connections. */
export interface Sessions {
  /** Notices from now on when the session becomes useless, before anybody's statement fails because of it. */
  watch(session: Session): void;
  /** A transaction has begun on it. */
  began(session: Session): void;
  /** A statement of the transaction that is thought to be open was answered with this. */
  answered(session: Session, answer: unknown): void;
  /** A statement on it failed: if the session is at fault, it is not to be used again. */
  judge(session: Session, error: unknown): void;
  /** The same, in a transaction that is thought to be open: asks the server whether it is, where that may have changed without a word. */
  lookAfterFailure(session: Session): Promise<void>;
  /** It is not to be used for another transaction. */
  isUnfit(session: Session): boolean;
  /** Of the transaction that is thought to be open on it, as far as the server has told. */
  stateOf(session: Session): TransactionState;
  /**
   * Ends what the session is doing in the *server*, which would else go on, with its locks, until the statement is done.
   * Resolves when the server has been told, or could not be; it takes a bounded time.
   */
  cancel(session: Session): Promise<void>;
  /**
   * Ends the connection at once, also in the middle of a statement and on a silent network. Its pool does not take it back;
   * whoever still holds it gets errors, and cannot write in the transaction of the next.
   */
  destroy(session: Session): void;
}

/** A pool, as far as it can be asked. */
export interface ConnectionPool {
  readonly size: number | undefined;
  /** How many calls wait for a connection now. */
  readonly waiting: number;
  /** How long they do, at most; undefined: for ever. */
  readonly timeoutMs: number | undefined;
  /** The error of a call for which this time was over. */
  isTimeout(error: Error): boolean;
  onConnect(listener: (session: Session) => void): void;
  offConnect(listener: (session: Session) => void): void;
}
