import { AsyncLocalStorage } from 'node:async_hooks';
import type { TransactionRunner } from '../../ports/transaction-runner';
import { postgresFaults } from '../../transactions/postgres/faults';
import type { MemoryClient } from './memory-database';
import type { MemoryTransaction } from './memory-transaction';

/** Which transaction the running call belongs to, and whose it is. */
interface Scope {
  readonly runner: MemoryTransactions;
  readonly transaction: MemoryTransaction;
  readonly around: Scope | undefined;
}

/** One for all runners: every AsyncLocalStorage that was ever used makes every promise of the process slower. */
const scopes = new AsyncLocalStorage<Scope>();

/** Opens transactions on a {@link MemoryClient} and keeps the ambient one, as `transactions/` does over TypeORM. */
export class MemoryTransactions implements TransactionRunner<MemoryTransaction> {
  /** A {@link MemoryDatabaseError} has PostgreSQL's codes. */
  readonly faults = postgresFaults;
  private readonly own = new WeakSet<MemoryTransaction>();

  constructor(private readonly client: MemoryClient) {}

  async run<T>(
    work: (transaction: MemoryTransaction) => Promise<T>,
    options: { propagation?: 'join' | 'new' } = {},
  ): Promise<T> {
    const ambient = options.propagation === 'new' ? undefined : this.current();
    if (ambient) return work(ambient);
    const around = openScope();
    return this.client.transaction((transaction) => {
      this.own.add(transaction);
      return scopes.run({ runner: this, transaction, around }, () => work(transaction));
    });
  }

  current(): MemoryTransaction | undefined {
    let scope = scopes.getStore();
    while (scope && !(scope.runner === this && scope.transaction.isOpen)) scope = scope.around;
    return scope?.transaction;
  }

  isOpen(transaction: MemoryTransaction): boolean {
    return transaction.isOpen;
  }

  afterCommit(callback: () => void, transaction: MemoryTransaction): void {
    transaction.afterCommit(callback);
  }

  afterEnd(callback: () => void, transaction: MemoryTransaction): void {
    transaction.afterEnd(callback);
  }

  beforeCommit(callback: () => Promise<void>, transaction: MemoryTransaction): void {
    transaction.beforeCommit(callback);
  }

  underWay(what: string, transaction: MemoryTransaction): () => void {
    return transaction.underWay.begin(what);
  }

  isOwn(transaction: MemoryTransaction): boolean {
    return this.own.has(transaction);
  }

  statementCount(transaction: MemoryTransaction): number {
    return transaction.statements;
  }
}

/** What nobody awaited outlives its transaction: scopes that are over are left behind, or they would pile up. */
function openScope(): Scope | undefined {
  let scope = scopes.getStore();
  while (scope && !scope.transaction.isOpen) scope = scope.around;
  return scope;
}
