import { outOfTime } from '../../message/age';
import { PAST_DEADLINE, type Reason } from '../../message/receipt';
import {
  type BegunMessage,
  type InboxBegin,
  type InboxLimits,
  type InboxLook,
  type InboxMessage,
  type InboxReject,
  type InboxResult,
  type InboxRow,
  type InboxStore,
  type RegisteredHandler,
  TwinInProgressError,
} from '../../ports/store';
import type { MemoryClient } from './memory-database';
import { MemoryDatabaseError } from './memory-database-error';
import { asJson, inboxKeyOf, type InboxMessageRow, iso, type OutboxTables } from './memory-tables';
import type { MemoryTransaction } from './memory-transaction';

/** The consumer's table in memory. */
export class MemoryInboxStore implements InboxStore<MemoryTransaction> {
  constructor(
    private readonly client: MemoryClient,
    private readonly t: OutboxTables,
  ) {}

  begin(tx: MemoryTransaction, message: InboxMessage, limits: InboxLimits): Promise<InboxBegin> {
    return tx.statement(async () => {
      const seen = this.lookIn(tx, message, limits);
      if (seen.kind !== 'new') return seen;
      const inserted = await this.insert(tx, message, limits, () =>
        this.isPastDeadline(message) ? PAST_DEADLINE : undefined,
      );
      const row = this.stored(tx, message)!;
      if (!inserted) return { kind: 'known', row };
      return row.verdict === 'rejected'
        ? { kind: 'past-deadline', row }
        : { kind: 'first', receivedAt: row.receivedAt };
    });
  }

  beginMany(tx: MemoryTransaction, messages: readonly InboxMessage[], limits: InboxLimits): Promise<BegunMessage[]> {
    return tx.statement(async () => {
      const begun: BegunMessage[] = [];
      const inOrder = [...messages].sort((a, b) => (a.messageId < b.messageId ? -1 : 1));
      for (const message of inOrder) {
        if (this.lookIn(tx, message, limits).kind !== 'new' || this.isPastDeadline(message)) continue;
        if (!(await this.insert(tx, message, limits, () => undefined))) continue;
        begun.push({ messageId: message.messageId, receivedAt: this.stored(tx, message)!.receivedAt });
      }
      return begun;
    });
  }

  keepResults(tx: MemoryTransaction, results: readonly InboxResult[]): Promise<void> {
    const { inbox } = this.t;
    return tx.statement(async () => {
      for (const { key, result } of results)
        if (await inbox.lock(tx, inboxKeyOf(key), {})) inbox.update(tx, inboxKeyOf(key), { result: asJson(result) });
    });
  }

  reject(message: InboxMessage, reason: Reason, limits: InboxLimits): Promise<InboxReject> {
    return this.client.alone(async (tx) => {
      const seen = this.lookIn(tx, message, limits);
      if (seen.kind !== 'new') return seen;
      const inserted = await this.insert(tx, message, limits, () => reason);
      return { kind: inserted ? 'stored' : 'known', row: this.stored(tx, message)! };
    });
  }

  look(message: InboxMessage, limits: Pick<InboxLimits, 'horizonMs'>): Promise<InboxLook> {
    return this.client.alone((tx) => this.lookIn(tx, message, limits));
  }

  registerHandlers(consumer: string, handlers: readonly RegisteredHandler[]): Promise<RegisteredHandler[]> {
    const { handler } = this.t;
    return this.client.alone(async (tx) => {
      for (const { type, where } of handlers) await handler.insert(tx, `${consumer} ${type}`, () => ({ type, where }));
      return [...handler.entries(tx)]
        .filter(([key, { type }]) => key === `${consumer} ${type}` && !handlers.some((each) => each.type === type))
        .map(([, { type, where }]) => ({ type, where }))
        .sort((one, other) => (one.type < other.type ? -1 : 1));
    });
  }

  prune(consumer: string, olderThanMs: number, limit: number): Promise<number> {
    const { inbox } = this.t;
    return this.client.alone((tx) => {
      const before = this.t.now() - olderThanMs;
      let pruned = 0;
      for (const [key, { receivedAt }] of [...inbox.entries(tx)]) {
        if (pruned === limit) break;
        if (receivedAt > before || !key.startsWith(`${consumer} `) || !inbox.tryLock(tx, key)) continue;
        inbox.delete(tx, key);
        pruned++;
      }
      return pruned;
    });
  }

  private lookIn(
    tx: MemoryTransaction,
    message: InboxMessage,
    { horizonMs }: Pick<InboxLimits, 'horizonMs'>,
  ): InboxLook {
    const row = this.stored(tx, message);
    if (row) return { kind: 'known', row };
    return { kind: outOfTime(this.t.now() - Date.parse(message.recordedAt), horizonMs) ?? 'new' };
  }

  private isPastDeadline({ deadlineAt }: InboxMessage): boolean {
    return deadlineAt !== undefined && Date.parse(deadlineAt) <= this.t.now();
  }

  /** The unique key decides who is first: a twin's insert waits until this transaction ends (R2). */
  private async insert(
    tx: MemoryTransaction,
    message: InboxMessage,
    { lockTimeoutMs }: InboxLimits,
    rejection: () => Reason | undefined,
  ): Promise<boolean> {
    const { payloadHash } = message;
    const row = (): InboxMessageRow => {
      const reason = asJson(rejection());
      const verdict = reason ? 'rejected' : 'accepted';
      return { verdict, reason, result: undefined, payloadHash, receivedAt: this.t.now() };
    };
    try {
      return await this.t.inbox.insert(tx, inboxKeyOf(message), row, { timeoutMs: lockTimeoutMs });
    } catch (error) {
      if (!(error instanceof MemoryDatabaseError) || error.code !== '55P03') throw error;
      throw new TwinInProgressError(`message ${message.messageId} is being handled by another copy`, { cause: error });
    }
  }

  private stored(tx: MemoryTransaction, message: InboxMessage): InboxRow | undefined {
    const row = this.t.inbox.get(tx, inboxKeyOf(message));
    return row && { ...row, receivedAt: iso(row.receivedAt) };
  }
}
