export type { DataSource, EntityManager } from 'typeorm';
export { Patience, type Session } from './session';
export { ambientRepository } from './ambient-repository';
export type { TransactionHost } from './transaction-host';
export { injectTransactions, Transactional, transactionsOf } from './transactional.decorator';
export { Transactions } from './transactions';
export type { IsolationLevel, Propagation, TransactionOptions } from './transactions.options';
export { wrapMethod } from './wrap-method';
export { namingConnectTimeout } from './waiting-for-connection';
