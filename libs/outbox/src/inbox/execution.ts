import { MessageRejected } from '../errors';
import { isConflict, retryingConflicts } from '../flow/conflict';
import { inConversation } from '../flow/conversation';
import { withTimeout } from '../flow/time-out';
import type { RecordedMessage } from '../message/delivery';
import type { MessageEnvelope } from '../message/envelope';
import { boundedReason, type Reason, travellingPart } from '../message/receipt';
import type { Clock } from '../ports/clock';
import { type BoundHandler, type MessageContext, withManager } from '../ports/handlers';
import type { Monitor } from '../ports/monitor';
import { type InboxMessage, type InboxRow, type InboxStore, TwinInProgressError } from '../ports/store';
import type { TransactionRunner } from '../ports/transaction-runner';
import type { InboxSettings } from './inbox';
import { type Outcome, outOfTime, replay } from './outcome';

/** A message whose handler is known and whose payload is valid. */
export interface Executable {
  readonly envelope: MessageEnvelope;
  readonly message: InboxMessage;
  readonly handler: BoundHandler;
  readonly payload: object;
}

/** Which options say how long a handler may take. */
const HANDLER_TIMEOUT = '`timeout` of its @MessageHandler, else `handlerTimeout`';

/** What came of a group: everybody's outcome, or why its members must go alone. */
export type GroupOutcome =
  | { kind: 'committed'; outcomes: ReadonlyMap<Executable, Outcome> }
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
    private readonly settings: InboxSettings,
    private readonly store: InboxStore,
    private readonly transactions: TransactionRunner,
    private readonly clock: Clock,
    private readonly monitor: Monitor,
  ) {}

  /** One message, one transaction. Never rejects. */
  async alone(executable: Executable): Promise<Outcome> {
    try {
      return await retryingConflicts(() =>
        this.transactions.run((transaction) => this.executeIn(transaction, executable), { propagation: 'new' }),
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
    const members = new Map(group.map((executable) => [executable.message.messageId, executable]));
    try {
      const outcomes = await this.transactions.run(
        async (transaction) => {
          const outcomes = new Map<Executable, Outcome>();
          const messages = [...members.values()].map(({ message }) => message);
          for (const { messageId, receivedAt } of await this.store.beginMany(transaction, messages, limits)) {
            const member = members.get(messageId)!;
            outcomes.set(member, await this.work(transaction, member, receivedAt));
          }
          return outcomes;
        },
        { propagation: 'new' },
      );
      return { kind: 'committed', outcomes };
    } catch (error) {
      const contention = error instanceof TwinInProgressError || isConflict(error);
      return { kind: 'failed', contention };
    }
  }

  private async executeIn(transaction: unknown, executable: Executable): Promise<Outcome> {
    const { message } = executable;
    const begun = await this.store.begin(transaction, message, this.settings);
    switch (begun.kind) {
      case 'known':
        return replay(message, begun.row);
      case 'past-deadline':
        return { kind: 'verdict', row: begun.row, replayed: false };
      case 'EXPIRED':
      case 'CLOCK':
        return outOfTime(begun.kind);
      case 'first':
        return this.work(transaction, executable, begun.receivedAt);
      default:
        return begun satisfies never;
    }
  }

  private async work(
    transaction: unknown,
    { envelope, message, handler, payload }: Executable,
    receivedAt: string,
  ): Promise<Outcome> {
    const returned = await withTimeout(this.clock, handler.timeoutMs, handler.where, HANDLER_TIMEOUT, (signal) =>
      inConversation(envelope.message, () =>
        handler.handle(payload, contextOf(envelope, this.settings.service, transaction, signal)),
      ),
    );
    const result = this.travelling(envelope.message, returned);
    if (result !== undefined) await this.store.keepResult(transaction, message, result);
    const { payloadHash } = message;
    const row: InboxRow = { verdict: 'accepted', reason: undefined, result, payloadHash, receivedAt };
    return { kind: 'verdict', row, replayed: false };
  }

  /** What a handler returned, if it can travel in a receipt. If not, its work counts all the same. */
  private travelling(message: RecordedMessage, result: unknown): unknown {
    const part = travellingPart(result);
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
    this.monitor.record({ event, messageId: id, consumer: this.settings.service, type, problem });
  }

  /**
   * R4: stored after the rollback, on its own. Between the two, somebody else may have decided: then theirs stands. Also
   * for a cancel. Never rejects.
   */
  async reject(message: InboxMessage, reason: Reason): Promise<Outcome> {
    try {
      const rejected = await this.store.reject(message, reason, this.settings);
      switch (rejected.kind) {
        case 'stored':
          return { kind: 'verdict', row: rejected.row, replayed: false };
        case 'known':
          return replay(message, rejected.row);
        case 'EXPIRED':
        case 'CLOCK':
          return outOfTime(rejected.kind);
        default:
          return rejected satisfies never;
      }
    } catch (error) {
      return error instanceof TwinInProgressError ? { kind: 'twin' } : { kind: 'deferred', error };
    }
  }
}

function contextOf(
  { message, attempt }: MessageEnvelope,
  consumer: string,
  manager: unknown,
  signal: AbortSignal,
): MessageContext {
  const { id, type, source, key, recordedAt, headers } = message;
  return withManager({ messageId: id, type, source, consumer, key, attempt, recordedAt, headers, signal }, manager);
}
