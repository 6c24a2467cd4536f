import type { EntityManager } from 'typeorm';
import type { TransactionOptions } from './transaction-options';

/**
 * The bridge to another library that keeps the ambient transaction (`@nestjs-cls/transactional`,
 * `typeorm-transactional`): with it, their decorators and ours open and join the same transactions.
 *
 * Both functions are needed. With `manager` alone their transaction is joined by ours, but inside ours their decorator
 * sees nothing and opens a second one.
 *
 * ```ts
 * transactionHost: {
 *   manager: () => (txHost.isTransactionActive() ? txHost.tx : undefined),
 *   run: (fn, { isolation, propagation }) => txHost.withTransaction(propagations[propagation ?? 'join'], { isolationLevel: isolation }, fn),
 * }
 * ```
 */
export interface TransactionHost {
  /** The manager of their open transaction, or `undefined`. A manager without a transaction counts as `undefined`. */
  manager(): EntityManager | undefined;
  /** Runs `fn` in a transaction that `manager()` returns meanwhile. Joining, savepoints and isolation are theirs. */
  run<T>(fn: () => Promise<T>, options: TransactionOptions): Promise<T>;
}
