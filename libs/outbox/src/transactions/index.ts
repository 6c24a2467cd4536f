export type { EntityManager } from 'typeorm';
export { Patience, type Session } from './session';
export { ambientRepository } from './ambient-repository';
export type { TransactionHost } from './transaction-host';
export type { AfterCommit, BeforeCommit } from './transaction-record';
export { injectTransactions, Transactional, transactionsOf } from './transactional.decorator';
export { Transactions } from './transactions';
export type { IsolationLevel, Propagation, TransactionOptions, TransactionsOptions } from './transactions.options';
export { type AsyncMethodDecorator, type MethodCall, wrapMethod } from './wrap-method';
