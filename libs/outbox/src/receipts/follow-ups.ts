import { retryingConflicts } from '../concurrency/conflict';
import { withTimeout } from '../concurrency/time-out';
import type { Turns } from '../concurrency/turns';
import {
  type ClaimedDelivery,
  type DeliveryKey,
  expects,
  isOverdue,
  type RecordedMessage,
  type Mark,
  type StoredAnswer,
  type Waits,
  type Trouble,
  troubled,
} from '../message/delivery';
import { keyText } from '../message/envelope';
import { restorePayload } from '../message/payload';
import { errorText, type Verdict } from '../message/receipt';
import { CODES } from '../message/rules';
import type { Clock } from '../ports/clock';
import { contextOf, type FollowUpContext, type HandlerRegistry } from '../ports/handlers';
import type { Monitor } from '../ports/monitor';
import type { OutboxStore } from '../ports/store';
import type { TransactionRunner } from '../ports/transaction-runner';
import type { FollowUps, VerdictListener } from '../ports/verdicts';
import { inConversation } from '../message/conversation';

/** The row expects a follow-up that this process does not have: another version or another worker has it (R13). */
class FollowUpMissingError extends Error {
  constructor(type: string, verdict: string) {
    super(`NO_HANDLER: this process has no ${verdict === 'accepted' ? '@OnAccepted' : '@Compensate'} for '${type}'`);
  }
}

/** A delivery with what its follow-up is told. */
interface Answered extends DeliveryKey {
  readonly attempt: number;
  readonly message: RecordedMessage;
}

/** How long an answered row waits for a process that has its follow-up, before it is looked at again. */
const MISSING_WAIT_MS = 30_000;
/** Rows whose misses are counted. */
const MISSED_ROWS = 1_000;

export interface FollowUpParts {
  readonly store: OutboxStore;
  readonly transactions: TransactionRunner;
  readonly handlers: HandlerRegistry;
  readonly verdicts: VerdictListener;
  readonly turns: Turns;
  readonly waits: Waits;
  readonly clock: Clock;
  readonly monitor: Monitor;
}

/** Runs `@OnAccepted` and `@Compensate`, always inside the transaction that has just closed the row (R6, R7). */
export class FollowUpRunner implements FollowUps {
  /** How often this process had to leave a row to another one; attempts are given back, so no row counts it. */
  private readonly missed = new Map<string, number>();

  constructor(
    private readonly parts: FollowUpParts,
    private readonly settings: { readonly timeoutMs: number; readonly alarmAfter: number },
  ) {}

  /** @throws FollowUpMissingError, or whatever the follow-up throws: then the row must not be closed */
  async run(
    transaction: unknown,
    { messageId, consumer, attempt, message }: Answered,
    answer: StoredAnswer,
  ): Promise<void> {
    const followUp = this.parts.handlers.followUp(message.type, answer.verdict);
    if (!followUp) {
      this.parts.monitor.record({
        event: 'follow-up.missing',
        messageId,
        consumer,
        type: message.type,
        verdict: answer.verdict,
      });
      throw new FollowUpMissingError(message.type, answer.verdict);
    }
    const { type } = message;
    const { reason, result } = answer;
    const withAnswer = (signal: () => AbortSignal): FollowUpContext =>
      Object.assign(contextOf(message, { consumer, attempt }, signal, transaction), { reason, result });
    try {
      const payload = restorePayload(followUp.contract, message.payload);
      await withTimeout(this.parts.clock, this.settings.timeoutMs, followUp.where, '`handlerTimeout`', (signal) =>
        inConversation(message, () => followUp.run(payload, withAnswer(signal))),
      );
    } catch (error) {
      const { where } = followUp;
      this.parts.monitor.record(
        {
          event: 'follow-up.failed',
          messageId,
          consumer,
          type,
          verdict: answer.verdict,
          where,
          attempt,
          error: errorText(error),
        },
        error,
      );
      throw error;
    }
  }

  /** One has run, and its transaction has surely committed. */
  done(type: string, verdict: Verdict): void {
    this.parts.monitor.record({ event: 'follow-up.done', type, verdict });
  }

  /** The due follow-up of an *answered* row: closes the row first; if somebody else has closed it, nothing runs. */
  async finish(delivery: ClaimedDelivery): Promise<Mark | undefined> {
    const { messageId, attempt, leaseToken } = delivery;
    const answer = delivery.answer!;
    try {
      const ran = await retryingConflicts(this.parts.transactions.faults, () =>
        this.parts.transactions.run(
          async (transaction) => {
            const followUp = await this.parts.store.closeAnswered(transaction, delivery, leaseToken);
            if (!followUp || !expects(followUp, answer.verdict)) return false;
            await this.run(transaction, delivery, answer);
            return true;
          },
          { propagation: 'new' },
        ),
      );
      if (ran) this.done(delivery.message.type, answer.verdict);
      this.parts.verdicts.changed(messageId);
      if (delivery.ordered) await this.parts.turns.next(delivery);
      return undefined;
    } catch (error) {
      const trouble = this.troubleOf(error);
      // Not here, not failed: the attempt is given back.
      if (error instanceof FollowUpMissingError) {
        this.noteMissing(delivery);
        return { kind: 'release', waitMs: MISSING_WAIT_MS, ...trouble };
      }
      return { kind: 'again', waitMs: this.parts.waits.backoff(attempt), ...trouble };
    }
  }

  /** Of a follow-up that has not run to its end. */
  troubleOf(error: unknown): Trouble {
    const code = error instanceof FollowUpMissingError ? CODES.followUpMissing : CODES.followUpFailed;
    return troubled(code, errorText(error));
  }

  private noteMissing({ messageId, consumer, state, message }: ClaimedDelivery): void {
    const key = keyText({ messageId, consumer });
    const attempt = (this.missed.get(key) ?? 0) + 1;
    if (this.missed.size >= MISSED_ROWS) this.missed.clear();
    this.missed.set(key, attempt);
    if (isOverdue({ state, attempt }, this.settings.alarmAfter))
      this.parts.monitor.record({ event: 'delivery.overdue', messageId, consumer, type: message.type, state, attempt });
  }
}
