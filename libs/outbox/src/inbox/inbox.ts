import type { CancelEnvelope, MessageEnvelope } from '../message/envelope';
import { payloadHash, readPayload } from '../message/payload';
import { errorText, type UnprocessableCode } from '../message/receipt';
import { traceOf } from '../message/trace';
import type { Random } from '../ports/clock';
import type { BoundHandler, HandlerRegistry } from '../ports/handlers';
import type { InboxMessage } from '../ports/store';
import type { Reaction } from '../ports/transport';
import { Announcements } from './announcements';
import { type Executable, Execution, type ExecutionParts, type InboxSettings } from './execution';
import { Grouping, sharingOf } from './grouping';
import { eventOf, notBegun, type Outcome, receiptOf } from './outcome';

export interface InboxParts extends ExecutionParts {
  readonly handlers: HandlerRegistry;
  readonly random: Random;
}

type Loaded =
  | { kind: 'loaded'; handler: BoundHandler; payload: object }
  | { kind: 'unprocessable'; code: UnprocessableCode; problem: string };

/**
 * The consumer's half: every message gets one verdict, once. The questions are asked in this order (R14):
 *
 * valid envelope? → *inbox row?* → *horizon?* → cancel: store, done → handler known, payload valid? → execute
 *
 * {@link Execution} does the last step, in one transaction per message, or, if the handler asks for it or takes arrays, per
 * group ({@link Grouping}). A rejection rolls the work back and is stored on its own (R4). A technical failure leaves no trace and
 * is no verdict (R12). A known row is replayed (R5).
 *
 * If this process dies, either the row was committed, and every later copy is answered from it, or nothing was.
 */
export class Inbox {
  private readonly execution: Execution;
  private readonly groupings = new Map<BoundHandler, Grouping>();
  private readonly announcements = new Map<BoundHandler, Announcements>();

  constructor(
    private readonly parts: InboxParts,
    private readonly settings: InboxSettings,
  ) {
    this.execution = new Execution(parts, settings);
  }

  /** Handles an envelope to its end. Never rejects: whatever fails here is an answer. */
  async receive(envelope: MessageEnvelope | CancelEnvelope): Promise<Reaction> {
    if (envelope.kind === 'message' && envelope.replyTo === undefined) return this.announced(envelope);
    const began = this.parts.clock.monotonic();
    const outcome = await (envelope.kind === 'cancel' ? this.cancel(envelope) : this.handle(envelope));
    return this.reactTo(envelope, outcome, began);
  }

  /** Nobody waits for an announcement's receipt, so it is tried again here, and put aside in the end (docs/protocol-traces.md, *Announcements*). */
  private async announced(envelope: MessageEnvelope): Promise<Reaction> {
    let tries = 0;
    const attempt = async (): Promise<Outcome> => {
      const began = this.parts.clock.monotonic();
      const outcome = await this.handle(envelope);
      const asTried = { ...envelope, attempt: envelope.attempt + tries++ };
      if (outcome.kind !== 'unprocessable') this.report(asTried, outcome, began);
      return outcome;
    };
    const handler = this.parts.handlers.handler(envelope.message.type);
    const outcome = await (handler ? this.announcementsFor(handler).handle(attempt) : attempt());
    if (outcome.kind === 'unprocessable') return this.quarantine(envelope, `${outcome.code}: ${outcome.problem}`);
    if (outcome.kind === 'deferred') return this.quarantine(envelope, errorText(outcome.error));
    return { kind: 'silence' };
  }

  private announcementsFor(handler: BoundHandler): Announcements {
    const announcements =
      this.announcements.get(handler) ??
      new Announcements(handler, this.parts.clock, this.parts.random, this.parts.transactions.faults);
    this.announcements.set(handler, announcements);
    return announcements;
  }

  private quarantine({ message }: MessageEnvelope, problem: string): Reaction {
    this.parts.monitor.record({
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
      return await this.execute({ envelope, message, handler: loaded.handler, payload: loaded.payload });
    } catch (error) {
      return { kind: 'deferred', error };
    }
  }

  private async load({ message }: MessageEnvelope): Promise<Loaded> {
    const handler = this.parts.handlers.handler(message.type);
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
    const found = await this.parts.store.look(message, this.settings);
    return found.kind === 'new' ? otherwise : notBegun(message, found);
  }

  private execute(executable: Executable): Promise<Outcome> {
    const { handler } = executable;
    const grouping = this.groupings.get(handler) ?? this.groupingOf(handler);
    return grouping ? grouping.execute(executable) : this.execution.alone(executable);
  }

  private groupingOf(handler: BoundHandler): Grouping | undefined {
    const sharing = sharingOf(handler);
    if (!sharing) return undefined;
    const grouping = new Grouping(this.execution, this.parts.clock, sharing);
    this.groupings.set(handler, grouping);
    return grouping;
  }

  /** R8: no row → *rejected* is stored, with the reason it was given up for, and the message, whenever it comes, is answered with that. */
  private async cancel(envelope: CancelEnvelope): Promise<Outcome> {
    const { messageId, source, recordedAt, reason } = envelope;
    const message = {
      messageId,
      consumer: this.settings.service,
      source,
      recordedAt,
      payloadHash: undefined,
      deadlineAt: undefined,
    };
    return this.execution.reject(message, reason);
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

  private report(envelope: MessageEnvelope | CancelEnvelope, outcome: Outcome, began: number): void {
    const tookMs = Math.round(this.parts.clock.monotonic() - began);
    const event = eventOf(outcome, envelope, this.settings.service, tookMs);
    this.parts.monitor.record(event, outcome.kind === 'deferred' ? outcome.error : undefined);
  }

  private reactTo(envelope: MessageEnvelope | CancelEnvelope, outcome: Outcome, began: number): Reaction {
    this.report(envelope, outcome, began);
    if (outcome.kind === 'twin') return { kind: 'silence' };
    const receipt = receiptOf(outcome, envelope, this.settings.service);
    const trace = envelope.kind === 'cancel' ? envelope.trace : traceOf(envelope.message.headers);
    return { kind: 'answer', to: envelope.replyTo!, receipt, ...(trace && { trace }) };
  }
}
