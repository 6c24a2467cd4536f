import { MessageRejected } from '../errors';
import { retryingConflicts } from '../concurrency/conflict';
import { inConversation } from '../message/conversation';
import { withTimeout } from '../concurrency/time-out';
import type { RecordedMessage } from '../message/delivery';
import type { MessageEnvelope } from '../message/envelope';
import { boundedReason, errorText, type Reason, sendablePart } from '../message/receipt';
import type { Clock } from '../ports/clock';
import { type BoundHandler, contextOf, type MessageContext } from '../ports/handlers';
import type { Monitor } from '../ports/monitor';
import {
  type InboxLimits,
  type InboxMessage,
  type InboxRow,
  type InboxStore,
  TwinInProgressError,
} from '../ports/store';
import type { TransactionRunner } from '../ports/transaction-runner';
import { notBegun, type Outcome } from './outcome';
import { resultsOf } from './results';

export interface InboxSettings extends InboxLimits {
  readonly service: string;
}

export interface ExecutionParts {
  readonly store: InboxStore;
  readonly transactions: TransactionRunner;
  readonly clock: Clock;
  readonly monitor: Monitor;
}

/** A message whose handler is known and whose payload is valid. */
export interface Executable {
  readonly envelope: MessageEnvelope;
  readonly message: InboxMessage;
  readonly handler: BoundHandler;
  readonly payload: object;
}

/** A message whose row was inserted in the transaction that is open. */
interface Begun extends Executable {
  readonly receivedAt: string;
}

/** Which options say how long a handler may take. */
const HANDLER_TIMEOUT = '`timeout` of its @MessageHandler, else `handlerTimeout`';

/** What came of a group: everybody's outcome, or why its members must go alone. */
export type GroupOutcome =
  /** `workMs`: how long the handler took, for all of them together. */
  | { kind: 'committed'; outcomes: ReadonlyMap<Executable, Outcome>; workMs: number }
  /** Rolled back, or nobody knows. `contention`: by somebody who wanted the same rows. */
  | { kind: 'failed'; contention: boolean };

/** A group waits less long for a twin in progress: all its members would wait. */
const GROUP_LOCK_TIMEOUT_MS = 250;

/**
 * Runs handlers in transactions: the inbox row, claimed by its unique key (R2), the handler's effect and the verdict
 * commit together (R3). The row comes first, so a second copy waits for it instead of running.
 *
 * Whoever calls it answers only after it resolved: no receipt before a known commit.
 */
export class Execution {
  constructor(
    private readonly parts: ExecutionParts,
    private readonly settings: InboxSettings,
  ) {}

  /** One message, one transaction. Never rejects. */
  async alone(executable: Executable): Promise<Outcome> {
    try {
      return await retryingConflicts(this.parts.transactions.faults, () =>
        this.parts.transactions.run((transaction) => this.executeIn(transaction, executable), { propagation: 'new' }),
      );
    } catch (error) {
      if (error instanceof TwinInProgressError) return { kind: 'twin' };
      if (error instanceof MessageRejected)
        return this.reject(executable.message, this.reasonOf(executable.envelope, error));
      return { kind: 'deferred', error };
    }
  }

  /**
   * Several messages, one transaction, optimistically: without savepoints, so whatever goes wrong with one of them (a
   * rejection, a failure, a lost connection) undoes all. Then nothing is known of any, and each must go alone: what was
   * committed after all is found in its row. Members that are known, late or too old are left out. Never rejects.
   */
  async together(group: readonly Executable[]): Promise<GroupOutcome> {
    const limits = { ...this.settings, lockTimeoutMs: GROUP_LOCK_TIMEOUT_MS };
    // A second one with this id is left out and goes alone: a copy will find the row of the first.
    const members = new Map<string, Executable>();
    for (const executable of group) {
      const { messageId } = executable.message;
      if (!members.has(messageId)) members.set(messageId, executable);
    }
    try {
      return await this.parts.transactions.run(
        async (transaction): Promise<GroupOutcome> => {
          const messages = [...members.values()].map(({ message }) => message);
          const inserted = await this.parts.store.beginMany(transaction, messages, limits);
          const receivedAt = new Map(inserted.map(({ messageId, receivedAt }) => [messageId, receivedAt]));
          // In the order in which they came. By id, never by position: others were left out.
          const begun = [...members].filter(([messageId]) => receivedAt.has(messageId));
          const began = this.parts.clock.monotonic();
          const outcomes = await this.work(
            transaction,
            begun.map(([messageId, executable]) => ({ ...executable, receivedAt: receivedAt.get(messageId)! })),
          );
          const workMs = this.parts.clock.monotonic() - began;
          return {
            kind: 'committed',
            outcomes: new Map(begun.map(([, member], at) => [member, outcomes[at]!])),
            workMs,
          };
        },
        { propagation: 'new' },
      );
    } catch (error) {
      const contention = error instanceof TwinInProgressError || this.parts.transactions.faults.isConflict(error);
      this.undone(group, error, contention);
      return { kind: 'failed', contention };
    }
  }

  /** Who rejected, or lost against somebody, will say so alone; what else went wrong may go wrong in groups only. */
  private undone(group: readonly Executable[], error: unknown, contention: boolean): void {
    const { handler } = group[0]!;
    const cause = contention ? 'contention' : error instanceof MessageRejected ? 'rejected' : 'failed';
    const about = { consumer: this.settings.service, type: handler.type, members: group.length };
    this.parts.monitor.record(
      { event: 'inbox.group-undone', ...about, cause, error: errorText(error) },
      cause === 'failed' ? error : undefined,
    );
  }

  private async executeIn(transaction: unknown, executable: Executable): Promise<Outcome> {
    const { message } = executable;
    const begun = await this.parts.store.begin(transaction, message, this.settings);
    switch (begun.kind) {
      case 'first':
        return (await this.work(transaction, [{ ...executable, receivedAt: begun.receivedAt }]))[0]!;
      case 'past-deadline':
        return { kind: 'verdict', row: begun.row, replayed: false };
      default:
        return notBegun(message, begun);
    }
  }

  /** All of one handler, each with its row. @returns what came of each, in their order */
  private async work(transaction: unknown, begun: readonly Begun[]): Promise<Outcome[]> {
    const returned = await this.handle(transaction, begun);
    const results = begun.map(({ envelope }, at) => this.sendable(envelope.message, returned[at]));
    const kept = begun.map(({ message }, at) => ({ key: message, result: results[at] }));
    await this.parts.store.keepResults(
      transaction,
      kept.filter(({ result }) => result !== undefined),
    );
    return begun.map(({ message: { payloadHash }, receivedAt }, at) => {
      const row: InboxRow = { verdict: 'accepted', reason: undefined, result: results[at], payloadHash, receivedAt };
      return { kind: 'verdict', row, replayed: false };
    });
  }

  /** Calls the handler for one after another, or once for all. @returns a result for each; what is missing is undefined */
  private async handle(transaction: unknown, begun: readonly Begun[]): Promise<readonly unknown[]> {
    const handler = begun[0]?.handler;
    if (!handler) return [];
    if (handler.batch !== undefined) {
      const returned = await this.call(handler, begun, (signal) =>
        handler.handle(
          begun.map(({ payload }) => payload),
          begun.map(({ envelope }) => this.contextOf(envelope, transaction, signal)),
        ),
      );
      return resultsOf(returned, begun.length, handler.where);
    }
    const results: unknown[] = [];
    for (const member of begun) {
      const { envelope, payload } = member;
      const context = (signal: () => AbortSignal) => this.contextOf(envelope, transaction, signal);
      results.push(await this.call(handler, [member], (signal) => handler.handle(payload, context(signal))));
    }
    return results;
  }

  /** What is added meanwhile was caused by the message, if it is one. */
  private call(
    { timeoutMs, where }: BoundHandler,
    [first, ...others]: readonly Begun[],
    work: (signal: () => AbortSignal) => Promise<unknown>,
  ): Promise<unknown> {
    return withTimeout(this.parts.clock, timeoutMs, where, HANDLER_TIMEOUT, (signal) =>
      others.length > 0 ? work(signal) : inConversation(first!.envelope.message, () => work(signal)),
    );
  }

  /** What a handler returned, if it can travel in a receipt. If not, its work counts all the same. */
  private sendable(message: RecordedMessage, result: unknown): unknown {
    const part = sendablePart(result);
    if (part.problem === undefined) return part.value;
    this.replaced('inbox.result-dropped', message, `the result ${part.problem}`);
    return undefined;
  }

  /** Why a handler rejected, as it can travel: whatever was wrong with the reason, the rejection counts. */
  private reasonOf({ message }: MessageEnvelope, { reason, details, message: sentence }: MessageRejected): Reason {
    const bounded = boundedReason({ code: reason, message: sentence, details });
    if (bounded.problem !== undefined) this.replaced('inbox.reason-replaced', message, bounded.problem);
    return bounded.reason;
  }

  private replaced(
    event: 'inbox.result-dropped' | 'inbox.reason-replaced',
    { id, type }: RecordedMessage,
    problem: string,
  ): void {
    this.parts.monitor.record({ event, messageId: id, consumer: this.settings.service, type, problem });
  }

  /**
   * R4: stored after the rollback, on its own. Between the two, somebody else may have decided: then theirs stands. Also
   * for a cancel. Never rejects.
   */
  async reject(message: InboxMessage, reason: Reason): Promise<Outcome> {
    try {
      const rejected = await this.parts.store.reject(message, reason, this.settings);
      if (rejected.kind === 'stored') return { kind: 'verdict', row: rejected.row, replayed: false };
      return notBegun(message, rejected);
    } catch (error) {
      return error instanceof TwinInProgressError ? { kind: 'twin' } : { kind: 'deferred', error };
    }
  }

  private contextOf(
    { message, attempt }: MessageEnvelope,
    manager: unknown,
    signal: () => AbortSignal,
  ): MessageContext {
    return contextOf(message, { consumer: this.settings.service, attempt }, signal, manager);
  }
}
