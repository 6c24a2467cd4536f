/**
 * What a failure of the database says about trying again: *data*: it refuses these values, and always will;
 * *unavailable*: it was not reached, or could not work for anybody just now; *other*: anything else, a mistake of ours
 * included.
 */
export type Failure = 'data' | 'unavailable' | 'other';

/** What the errors of one database mean. Asked about any error, also about one that no database has thrown. */
export interface Faults {
  failureOf(error: unknown): Failure;
  /** The database rolled the transaction back, or wants that done, in favour of another one: the same may succeed at once. */
  isConflict(error: unknown): boolean;
  /** On a new connection the same might succeed. */
  isSessionFault(error: unknown): boolean;
}
