import { Coalescer } from '../concurrency/coalescer';
import { retryingConflicts } from '../concurrency/conflict';
import { Lane } from '../concurrency/lane';
import type { Turns } from '../concurrency/turns';
import { type Doubling, doubled } from '../message/backoff';
import {
  answerOf,
  type ClaimedDelivery,
  decideNoVerdict,
  type DeliveryKey,
  expects,
  isFinal,
  type Waits,
} from '../message/delivery';
import { keyText, type ReceiptEnvelope } from '../message/envelope';
import type { OutboxEvent } from '../message/events';
import { errorText, isVerdict, type Receipt, type VerdictReceipt } from '../message/receipt';
import type { Clock } from '../ports/clock';
import type { Monitor } from '../ports/monitor';
import type { AnsweredDelivery, ClosedRow, DeliveryRecord, OutboxStore, TurnLease } from '../ports/store';
import type { TransactionRunner } from '../ports/transaction-runner';
import type { ReceiptReaction } from '../ports/transport';
import type { PendingMarks, VerdictListener } from '../ports/verdicts';
import type { FollowUpRunner } from './follow-ups';

export interface ReceiptsSettings {
  readonly service: string;
  /** A receipt for a row that should still exist is an alarm; for one pruned long ago it is not. */
  readonly retentionMs: number;
}

export interface ReceiptsParts {
  readonly store: OutboxStore;
  readonly transactions: TransactionRunner;
  readonly followUps: Pick<FollowUpRunner, 'run' | 'done' | 'troubleOf'>;
  readonly marks: PendingMarks;
  readonly verdicts: VerdictListener;
  readonly turns: Turns;
  readonly waits: Waits;
  readonly clock: Clock;
  readonly monitor: Monitor;
}

const MAX_BATCH = 500;
/** Transactions with follow-ups at once. They share the application's pool with its requests. */
const ALONE_AT_ONCE = 8;

/** How often a receipt comes back that fails for another reason than an outage, and what it waits before. */
const MAX_RETURNS = 8;
const RETURN_PAUSE: Doubling = { firstMs: 1_000, maxMs: 30_000 };

/** The consumer answered to other content than was recorded here: somebody else has sent it something under this id. */
class OtherContentError extends Error {
  override readonly message = 'it is an answer to other content than was recorded under this id';
}

/** What the row says, of a receipt that changed it. */
interface Applied {
  readonly type?: string;
  /** How long ago it was recorded. */
  readonly ageMs?: number;
  /** It is final, and others may wait for that who do not know yet. */
  readonly awaited?: boolean;
}

/**
 * Applies receipts. A verdict is stored once, by compare-and-set from an undecided state (R6), whoever asks and however
 * often: rows that expect no follow-up are closed in batches, the others one by one, each in the transaction in which its
 * follow-up runs (R7). *Deferred* and *unprocessable* are no verdicts: they only move an open row.
 *
 * If this process dies before the receipt is acknowledged, it comes again and finds its work done or undone, never half.
 */
export class Receipts {
  private readonly closing: Coalescer<AnsweredDelivery, Applied | undefined>;
  private readonly alone = new Lane(ALONE_AT_ONCE);
  /** Since this process started: put aside for a person; given back to come again. */
  refused = 0;
  returned = 0;

  constructor(
    private readonly parts: ReceiptsParts,
    private readonly settings: ReceiptsSettings,
  ) {
    this.closing = new Coalescer(parts.clock, (batch) => this.closeMany(batch), { maxBatch: MAX_BATCH, lingerMs: 0 });
  }

  /** Never rejects. @param returns how often the receipt has come back before */
  async apply({ receipt }: ReceiptEnvelope, returns: number): Promise<ReceiptReaction> {
    try {
      // A batch passes over rows that are held, and a row that is looked at alone costs a transaction.
      const marking = this.parts.marks.skip(receipt);
      if (marking) await marking;
      if (isVerdict(receipt)) await this.applyVerdict(receipt);
      else await this.applyNoVerdict(receipt);
      this.parts.verdicts.changed(receipt.messageId);
      return { kind: 'done' };
    } catch (error) {
      return this.failed(receipt, error, returns);
    }
  }

  /** An outage passes; what the database refuses, it will refuse again, and must not hold up the others for ever. */
  private failed({ messageId, consumer }: Receipt, error: unknown, returns: number): ReceiptReaction {
    if (error instanceof OtherContentError) {
      this.refused++;
      this.parts.monitor.record({ event: 'receipt.untrusted', messageId, consumer, problem: error.message });
      return { kind: 'quarantine', problem: `UNTRUSTED: ${error.message}` };
    }
    const failure = this.parts.transactions.faults.failureOf(error);
    if (failure === 'data' || (failure === 'other' && returns >= MAX_RETURNS)) {
      const problem = `it cannot be applied: ${errorText(error)}`;
      this.refused++;
      this.parts.monitor.record({ event: 'receipt.refused', messageId, consumer, problem });
      return { kind: 'quarantine', problem };
    }
    this.returned++;
    const pauseMs = failure === 'unavailable' ? RETURN_PAUSE.firstMs : doubled(RETURN_PAUSE, returns + 1);
    return { kind: 'return', problem: errorText(error), pauseMs };
  }

  private async applyVerdict(receipt: VerdictReceipt): Promise<void> {
    // The row expects a follow-up, is held by somebody, is decided, or is not ours: look at it alone.
    const applied = (await this.closeInBatch(receipt)) ?? (await this.alone.run(() => this.closeAlone(receipt)));
    if (!applied) return this.reportUnapplied(receipt);
    const { consumer, verdict } = receipt;
    const { awaited, ...about } = applied;
    this.parts.monitor.record({ event: 'receipt.applied', consumer, verdict, ...about });
    if (awaited) await this.parts.turns.next(receipt);
  }

  private async closeInBatch(receipt: VerdictReceipt): Promise<Applied | undefined> {
    const key = keyText(receipt);
    const twin = this.closing.peek(key);
    const { messageId, consumer, verdict, payloadHash } = receipt;
    // A batch holds a delivery once. Equal receipts share the place; a contradicting one must wait for its turn.
    if (twin && (twin.answer.verdict !== verdict || twin.answer.payloadHash !== payloadHash)) return undefined;
    return this.closing.add(key, { messageId, consumer, answer: answerOf(receipt) });
  }

  /** What one receipt does to the statement must not happen to the others: halved until it is alone with its failure. */
  private async closeMany(batch: AnsweredDelivery[]): Promise<(Applied | undefined | Promise<never>)[]> {
    try {
      const close = (lease?: TurnLease) => this.parts.store.closeMany(batch, lease);
      const rows = await this.parts.turns.taking(batch.length, close, nextOf);
      this.parts.monitor.record({ event: 'relay.batch', step: 'close', rows: batch.length });
      const closed = new Map(rows.map((row) => [keyText(row), appliedTo(row.type, row, row.next)]));
      return batch.map((delivery) => closed.get(keyText(delivery)));
    } catch (error) {
      if (batch.length === 1 || this.parts.transactions.faults.failureOf(error) === 'unavailable')
        return batch.map(() => rejected(error));
      const middle = batch.length >> 1;
      return [...(await this.closeMany(batch.slice(0, middle))), ...(await this.closeMany(batch.slice(middle)))];
    }
  }

  /** @returns undefined if no row was undecided */
  private async closeAlone(receipt: VerdictReceipt): Promise<Applied | undefined> {
    const answer = answerOf(receipt);
    let followUpBegan = false;
    let applied: Applied = {};
    try {
      const closed = await retryingConflicts(this.parts.transactions.faults, () => {
        followUpBegan = false;
        return this.parts.transactions.run(
          async (transaction) => {
            const row = await this.parts.store.close(transaction, receipt, answer);
            if (!row) return undefined;
            applied = appliedTo(row.message.type, row);
            if (!expects(row.followUp, receipt.verdict)) return row;
            followUpBegan = true;
            await this.parts.followUps.run(transaction, row, answer);
            return row;
          },
          { propagation: 'new' },
        );
      });
      if (!closed) return undefined;
      if (followUpBegan) this.parts.followUps.done(closed.message.type, receipt.verdict);
      return applied;
    } catch (error) {
      // Nothing of the application ran, so the database failed: the receipt comes again.
      if (!followUpBegan) throw error;
      // R6, R13: the verdict is safe in the row; whoever can run the follow-up finds it there. If only the answer to the
      // commit was lost, the row is closed, and this changes nothing.
      const later = { waitMs: this.parts.waits.backoff(1), ...this.parts.followUps.troubleOf(error) };
      return (await this.parts.store.keepAnswer(receipt, answer, later)) ? { ...applied, awaited: false } : undefined;
    }
  }

  private async applyNoVerdict(receipt: Exclude<Receipt, VerdictReceipt>): Promise<void> {
    const { messageId, consumer, attempt, payloadHash } = receipt;
    const effect = decideNoVerdict(receipt, this.parts.waits);
    let moved: boolean;
    let applied: OutboxEvent;
    switch (effect.kind) {
      case 'put-off': {
        const { waitMs, code, error } = effect;
        moved = await this.parts.store.defer(receipt, attempt, { waitMs, code, error, payloadHash });
        applied = { event: 'receipt.applied', consumer, verdict: 'deferred' };
        break;
      }
      case 'park': {
        const { code, detail, error } = effect;
        moved = await this.parts.store.park(receipt, effect.attempt, { code, error: detail, payloadHash });
        applied = { event: 'delivery.parked', messageId, consumer, code, error };
        break;
      }
      default:
        return effect satisfies never;
    }
    if (!moved) await this.refuseOtherContent(receipt);
    this.parts.monitor.record(moved ? applied : { event: 'receipt.duplicate' });
  }

  /** The statements that apply a receipt pass over rows with other content than it was given to. */
  private async refuseOtherContent({ messageId, payloadHash }: Receipt): Promise<void> {
    if (payloadHash === undefined) return;
    const recorded = await this.parts.store.contentHash(messageId);
    if (recorded !== undefined && recorded !== payloadHash) throw new OtherContentError();
  }

  /** No row was undecided: says why, and keeps what a person should see. Changes no state. */
  private async reportUnapplied(receipt: VerdictReceipt): Promise<void> {
    const { messageId, consumer, verdict } = receipt;
    const row = (await this.parts.store.find(messageId)).find((found) => found.consumer === consumer);
    if (!row) {
      const recent = (await this.parts.store.ageMs(receipt.recordedAt)) < this.settings.retentionMs;
      return this.parts.monitor.record({ event: 'receipt.unknown-delivery', messageId, consumer, recent });
    }
    await this.refuseOtherContent(receipt);
    if (row.verdict === verdict) {
      this.parts.monitor.record({ event: 'receipt.duplicate' });
      // Whoever applied it may have died before he looked.
      return this.parts.turns.perhapsNext(receipt);
    }
    if (!isDecided(row))
      throw new Error(`Delivery ${keyText(receipt)} was reopened meanwhile; the receipt must come again.`);
    await this.parts.store.noteLateVerdict(receipt, answerOf(receipt));
    if (row.verdict === undefined)
      this.parts.monitor.record({ event: 'receipt.after-discard', messageId, consumer, verdict });
    else
      this.parts.monitor.record({
        event: 'receipt.contradiction',
        messageId,
        consumer,
        stored: row.verdict,
        received: verdict,
      });
  }
}

function appliedTo(type: string, { ageMs, ordered }: { ageMs: number; ordered: boolean }, next?: DeliveryKey): Applied {
  return { type, ageMs, awaited: ordered && !next };
}

function nextOf(rows: readonly ClosedRow[]): ClaimedDelivery[] {
  return rows.flatMap(({ next }) => next ?? []);
}

/** A promise that is watched: somebody else may be the first to look at it. */
function rejected(error: unknown): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(() => undefined);
  return promise;
}

function isDecided({ state, verdict }: DeliveryRecord): boolean {
  return verdict !== undefined || isFinal(state);
}
