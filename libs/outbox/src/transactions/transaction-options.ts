/** The levels PostgreSQL tells apart. Not given: the DataSource's `isolationLevel`, else the database's default. */
export type IsolationLevel = 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';

/**
 * What happens when a transaction is already open:
 * - `join`: take part in it; it commits or rolls back as a whole
 * - `savepoint`: a part that can be rolled back alone (catch its error). Savepoints of one transaction cannot overlap:
 *   await one before the next
 * - `new`: a second, independent transaction on a second connection
 *
 * Without an open transaction all three open one.
 */
export type Propagation = 'join' | 'savepoint' | 'new';

export interface TransactionOptions {
  /** Only for the call that opens the transaction; refused when an open one with another level would be joined. */
  isolation?: IsolationLevel;
  /** @default 'join' */
  propagation?: Propagation;
}
