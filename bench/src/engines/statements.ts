/** A statement that was executed; or all of one kind, where the server tells no more. */
export interface CountedStatement {
  readonly statement: string;
  readonly calls: number;
}

export interface TimedStatement extends CountedStatement {
  /** Rows it returned or wrote. */
  readonly rows: number;
  /** Time spent in it, all calls together: planning (if the server tells), and execution. */
  readonly planMs: number;
  readonly executionMs: number;
}

/** Counts what a server executed. */
export interface Statements<Counted extends CountedStatement = CountedStatement> {
  /** Without it nothing is counted: `read` says undefined. */
  readonly available: boolean;
  /** Forgets what these databases executed so far. */
  reset(databaseUrls: readonly string[]): Promise<void>;
  /** What these databases executed since the last reset, most frequent first; undefined if nobody counts. */
  read(databaseUrls: readonly string[]): Promise<Counted[] | undefined>;
}

export function isTimed(counted: CountedStatement): counted is TimedStatement {
  return 'executionMs' in counted;
}

const TRANSACTION_CONTROL = /^(?:begin|start transaction|commit|rollback)\b/i;

/** Without BEGIN, COMMIT and ROLLBACK: PostgreSQL counts those that are prepared by name once, however often they are executed. */
export function total(statements: readonly CountedStatement[]): number {
  return statements.reduce((sum, { statement, calls }) => sum + (TRANSACTION_CONTROL.test(statement) ? 0 : calls), 0);
}
