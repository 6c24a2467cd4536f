import { MessageRejected } from '../errors';
import { retryingConflicts } from '../flow/conflict';
import { inConversation } from '../flow/conversation';
import { withTimeout } from '../flow/time-out';
import { boundedReason, type CancelEnvelope, type MessageEnvelope } from '../message/envelope';
import { payloadHash, readPayload } from '../message/payload';
import { CANCELLED, errorText, MAX_RECEIPT_PART, type Reason, type UnprocessableCode } from '../message/receipt';
import type { Clock, Random } from '../ports/clock';
import type { BoundHandler, HandlerRegistry, MessageContext } from '../ports/handlers';
import type { Monitor } from '../ports/monitor';
import { type InboxMessage, type InboxRow, type InboxStore, TwinInProgressError } from '../ports/store';
import type { TransactionRunner } from '../ports/transaction-runner';
import type { Reaction } from '../ports/transport';
import { eventOf, type Outcome, outOfTime, receiptOf, replay } from './outcome';

export interface InboxSettings {
  readonly service: string;
  /** Older messages without an inbox row are never executed (R9). */
  readonly horizonMs: number;
  /** How long a copy waits for its twin in progress. */
  readonly lockTimeoutMs: number;
}

type Loaded =
  | { kind: 'loaded'; handler: BoundHandler; payload: object }
  | { kind: 'unprocessable'; code: UnprocessableCode; problem: string };

/** An announcement is retried in place, unacknowledged: so often, */
const ANNOUNCEMENT_PAUSES_MS = [1_000, 5_000, 30_000, 120_000];
/** and no longer than this, however long its handler takes: well within half of RabbitMQ's consumer time-out (30 min). */
const ANNOUNCEMENT_PATIENCE_MS = 600_000;

/**
 * The consumer's half: every message gets one verdict, once. The questions are asked in this order (R14):
 *
 * valid envelope? → *inbox row?* → *horizon?* → cancel: store, done → handler known, payload valid? → execute
 *
 * Executing is one transaction (R3): the inbox row, claimed by its unique key (R2), the handler's effect and the verdict.
 * The row comes first, so a second copy waits for it instead of running. A rejection rolls the work back and is stored on
 * its own (R4). A technical failure leaves no trace and is no verdict (R12). A known row is replayed (R5).
 *
 * If this process dies, either the row was committed, and every later copy is answered from it, or nothing was.
 */
export class Inbox {
  constructor(
    private readonly settings: InboxSettings,
    private readonly store: InboxStore,
    private readonly transactions: TransactionRunner,
    private readonly handlers: HandlerRegistry,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly monitor: Monitor,
  ) {}

  /** Handles an envelope to its end. Never rejects: whatever fails here is an answer. */
  async receive(envelope: MessageEnvelope | CancelEnvelope): Promise<Reaction> {
    if (envelope.kind === 'cancel') return this.reactTo(envelope, await this.cancel(envelope));
    if (envelope.replyTo === undefined) return this.announced(envelope);
    return this.reactTo(envelope, await this.handle(envelope));
  }

  /** Nobody waits for an announcement's receipt, so it is tried again here, and put aside in the end (design §3.3). */
  private async announced(envelope: MessageEnvelope): Promise<Reaction> {
    const ends = this.clock.monotonic() + ANNOUNCEMENT_PATIENCE_MS;
    for (const pauseMs of [...ANNOUNCEMENT_PAUSES_MS, Infinity]) {
      const outcome = await this.handle(envelope);
      if (outcome.kind === 'unprocessable') return this.quarantine(envelope, `${outcome.code}: ${outcome.problem}`);
      this.report(envelope, outcome);
      if (outcome.kind !== 'deferred') break;
      if (this.clock.monotonic() + pauseMs > ends) return this.quarantine(envelope, errorText(outcome.error));
      await new Promise<void>((resolve) => this.clock.schedule(pauseMs * (0.5 + this.random.next()), resolve));
    }
    return { kind: 'silence' };
  }

  private quarantine({ message }: MessageEnvelope, problem: string): Reaction {
    this.monitor.record({
      event: 'inbox.quarantined',
      messageId: message.id,
      consumer: this.settings.service,
      problem,
    });
    return { kind: 'quarantine', problem };
  }

  private async handle(envelope: MessageEnvelope): Promise<Outcome> {
    const message = this.inboxMessage(envelope);
    try {
      const loaded = await this.load(envelope);
      // No handler, or a bad payload: that must not hide a verdict given when there was one, nor the message's age.
      if (loaded.kind === 'unprocessable') return await this.look(message, loaded);
      return await this.execute(envelope, message, loaded.handler, loaded.payload);
    } catch (error) {
      return { kind: 'deferred', error };
    }
  }

  private async load({ message }: MessageEnvelope): Promise<Loaded> {
    const handler = this.handlers.handler(message.type);
    if (!handler)
      return {
        kind: 'unprocessable',
        code: 'UNKNOWN_TYPE',
        problem: `${this.settings.service} has no handler for '${message.type}'`,
      };
    try {
      return { kind: 'loaded', handler, payload: await readPayload(handler.contract, message.payload) };
    } catch (error) {
      return { kind: 'unprocessable', code: 'INVALID_PAYLOAD', problem: errorText(error) };
    }
  }

  private async look(message: InboxMessage, otherwise: Outcome): Promise<Outcome> {
    const found = await this.store.look(message, this.settings);
    switch (found.kind) {
      case 'known':
        return replay(message, found.row);
      case 'new':
        return otherwise;
      case 'EXPIRED':
      case 'CLOCK':
        return outOfTime(found.kind);
      default:
        return found satisfies never;
    }
  }

  private async execute(
    envelope: MessageEnvelope,
    message: InboxMessage,
    handler: BoundHandler,
    payload: object,
  ): Promise<Outcome> {
    try {
      return await retryingConflicts(() =>
        this.transactions.run((transaction) => this.executeIn(transaction, envelope, message, handler, payload), {
          propagation: 'new',
        }),
      );
    } catch (error) {
      if (error instanceof TwinInProgressError) return { kind: 'twin' };
      if (error instanceof MessageRejected) return this.reject(message, reasonOf(error));
      return { kind: 'deferred', error };
    }
  }

  private async executeIn(
    transaction: unknown,
    envelope: MessageEnvelope,
    message: InboxMessage,
    handler: BoundHandler,
    payload: object,
  ): Promise<Outcome> {
    const begun = await this.store.begin(transaction, message, this.settings);
    switch (begun.kind) {
      case 'known':
        return replay(message, begun.row);
      case 'past-deadline':
        return { kind: 'verdict', row: begun.row, replayed: false };
      case 'EXPIRED':
      case 'CLOCK':
        return outOfTime(begun.kind);
      case 'first': {
        const returned = await withTimeout(this.clock, handler.timeoutMs, handler.where, (signal) =>
          inConversation(envelope.message, () =>
            handler.handle(payload, contextOf(envelope, this.settings.service, transaction, signal)),
          ),
        );
        const result = this.travelling(envelope, returned);
        if (result !== undefined) await this.store.keepResult(transaction, message, result);
        const row: InboxRow = {
          verdict: 'accepted',
          reason: undefined,
          result,
          payloadHash: message.payloadHash,
          source: message.source,
          receivedAt: begun.receivedAt,
        };
        return { kind: 'verdict', row, replayed: false };
      }
      default:
        return begun satisfies never;
    }
  }

  /** What a handler returned, if it can travel in a receipt. If not, its work counts all the same. */
  private travelling({ message }: MessageEnvelope, result: unknown): unknown {
    let problem: string;
    try {
      const text = JSON.stringify(result) as string | undefined;
      if (text === undefined || text.length <= MAX_RECEIPT_PART)
        return text === undefined ? undefined : JSON.parse(text);
      problem = `the result is larger than ${MAX_RECEIPT_PART} characters of JSON`;
    } catch {
      problem = 'the result cannot be written as JSON';
    }
    this.monitor.record({
      event: 'inbox.result-dropped',
      messageId: message.id,
      consumer: this.settings.service,
      type: message.type,
      problem,
    });
    return undefined;
  }

  /** R4: stored after the rollback, on its own. Between the two, somebody else may have decided: then theirs stands. */
  private async reject(message: InboxMessage, reason: Reason): Promise<Outcome> {
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

  /** R8: no row → *rejected (CANCELLED)* is stored, and the message, whenever it comes, is answered with that. */
  private async cancel(envelope: CancelEnvelope): Promise<Outcome> {
    const { messageId, source, recordedAt } = envelope;
    const message = {
      messageId,
      consumer: this.settings.service,
      source,
      recordedAt,
      payloadHash: undefined,
      deadlineAt: undefined,
    };
    return this.reject(message, { code: CANCELLED });
  }

  private inboxMessage({ message, deadlineAt }: MessageEnvelope): InboxMessage {
    const { id, type, source, payload, recordedAt } = message;
    return {
      messageId: id,
      consumer: this.settings.service,
      source,
      recordedAt,
      deadlineAt,
      payloadHash: payloadHash(type, payload),
    };
  }

  private report(envelope: MessageEnvelope | CancelEnvelope, outcome: Outcome): void {
    this.monitor.record(eventOf(outcome, envelope, this.settings.service));
  }

  private reactTo(envelope: MessageEnvelope | CancelEnvelope, outcome: Outcome): Reaction {
    this.report(envelope, outcome);
    if (outcome.kind === 'twin') return { kind: 'silence' };
    return { kind: 'answer', to: envelope.replyTo!, receipt: receiptOf(outcome, envelope, this.settings.service) };
  }
}

function contextOf(
  { message, attempt }: MessageEnvelope,
  consumer: string,
  manager: unknown,
  signal: AbortSignal,
): MessageContext {
  const { id, type, source, key, recordedAt, headers } = message;
  return { messageId: id, type, source, consumer, key, attempt, recordedAt, headers, manager, signal };
}

function reasonOf({ reason, details, message }: MessageRejected): Reason {
  return boundedReason({ code: reason, message, ...(details !== undefined && { details }) });
}
