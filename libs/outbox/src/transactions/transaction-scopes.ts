import { AsyncLocalStorage } from 'node:async_hooks';
import { Logger } from '@nestjs/common';
import type { DataSource, EntityManager } from 'typeorm';
import type { TransactionHost } from './transaction-host';

/** Without a manager: on purpose outside of every transaction. */
interface Scope {
  readonly manager?: EntityManager;
  open: boolean;
}

/**
 * One for all DataSources, and of each its scope: every AsyncLocalStorage that was ever used makes every promise of the
 * process slower (before Node 24), also long after an application was closed and the next test began.
 */
const storage = new AsyncLocalStorage<ReadonlyMap<TransactionScopes, Scope>>();

/**
 * Which transaction the running call belongs to. A scope is opened around the work of a transaction and inherited by
 * everything the work calls; it is closed when the work is done, so that calls nobody awaited find it closed.
 */
export class TransactionScopes {
  private readonly logger = new Logger('Transactions');

  constructor(
    private readonly dataSource: DataSource,
    private readonly host?: TransactionHost,
  ) {}

  /** The manager of the open transaction around this call. */
  current(): EntityManager | undefined {
    const scope = this.scope();
    if (scope && !scope.open) return undefined;
    const manager = scope ? scope.manager : this.host?.manager();
    return manager?.queryRunner?.isTransactionActive && manager.dataSource === this.dataSource ? manager : undefined;
  }

  /** This call began in a transaction that is over. */
  hasEnded(): boolean {
    const scope = this.scope();
    const manager = scope ? scope.manager : this.host?.manager();
    return manager?.queryRunner !== undefined && (scope?.open === false || !manager.queryRunner.isTransactionActive);
  }

  async inside<T>(manager: EntityManager, work: () => Promise<T>): Promise<T> {
    const scope: Scope = { manager, open: true };
    try {
      return await this.enter(scope, work);
    } finally {
      scope.open = false;
    }
  }

  outside<T>(work: () => T): T {
    return this.enter({ open: false }, work);
  }

  /**
   * Calls back at once, outside, without waiting. A failure is only logged: a transaction that is over must not look as
   * if it had ended another way.
   */
  detach(callback: () => void | Promise<void>, kind: string): void {
    const call = async (): Promise<void> => callback();
    this.outside(call).catch((error: unknown) => {
      const reason = error instanceof Error ? error.stack : String(error);
      this.logger.error(`An ${kind} callback failed; the transaction itself is over and not affected.`, reason);
    });
  }

  /** Forgets our own scopes: inside, the host alone says which transaction is open. */
  leaveToHost<T>(work: () => T): T {
    return this.enter(undefined, work);
  }

  private scope(): Scope | undefined {
    return storage.getStore()?.get(this);
  }

  private enter<T>(scope: Scope | undefined, work: () => T): T {
    const scopes = new Map(storage.getStore());
    if (scope) scopes.set(this, scope);
    else scopes.delete(this);
    return storage.run(scopes, work);
  }
}
