import type { TransactionHost } from './transaction-host';
import type { TransactionOptions } from './transaction-options';
import type { WriteOutsideTransactionError } from '../errors';

export type { IsolationLevel, Propagation, TransactionOptions } from './transaction-options';

export const TRANSACTION_OPTIONS = ['isolation', 'propagation'] satisfies (keyof TransactionOptions)[];

/** `OutboxModule` gives `strictWrites` and `transactionHost`; the rest is for those who build a `Transactions` themselves. */
export interface TransactionsOptions {
  /** A write that goes past the open transaction: refuse it, log it, or do not look. */
  strictWrites: 'throw' | 'warn' | 'off';
  /** Set when another library owns the transactions, see {@link TransactionHost}. */
  transactionHost?: TransactionHost;
  /** Tables that may be written past the open transaction (an access log). TypeORM's query cache is always one. */
  ignoreTables?: string[];
  /** Told about every stray write, whether it is refused or only logged. */
  onStrayWrite?: (error: WriteOutsideTransactionError) => void;
}
