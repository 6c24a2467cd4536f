/** What can go wrong in {@link MemoryDatabase}, by PostgreSQL's SQLSTATE, so that code written for one meets the same in the other. */
export type MemoryErrorCode =
  /** serialization failure · deadlock · lock not available */
  | '40001'
  | '40P01'
  | '55P03'
  /** the transaction failed before and takes no more statements */
  | '25P02'
  /** connection lost: during a commit, nobody knows whether it counted */
  | '08006'
  /** unique violation · check violation */
  | '23505'
  | '23514';

export class MemoryDatabaseError extends Error {
  override readonly name = 'MemoryDatabaseError';

  constructor(
    readonly code: MemoryErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
