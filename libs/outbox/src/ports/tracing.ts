import type { PublishOutcome } from '../message/delivery';
import type { CancelEnvelope, MessageEnvelope, ReceiptEnvelope } from '../message/envelope';
import type { TraceContext } from '../message/trace';
import type { BoundFollowUp, FollowUpContext, MessageContext } from './handlers';
import type { NewMessage } from './store';
import type { Reaction, ReceiptReaction } from './transport';

/**
 * Puts spans around a message's steps: `openTelemetryTracing()`. The trace travels in the message, because no step but the
 * first runs in anybody's request. Each method does the work, once, and hands on what comes of it; it never fails by itself.
 */
export interface Tracing {
  /** A message is being recorded, in the caller's context. */
  create(message: Pick<NewMessage, 'id' | 'type' | 'headers'>, place: Place): Creation;
  /** One attempt, child of the message's creation. */
  publish(
    envelope: MessageEnvelope | CancelEnvelope,
    place: Place,
    work: () => Promise<PublishOutcome>,
  ): Promise<PublishOutcome>;
  /** One copy at its consumer, child of the message's creation. The receipt continues from here. */
  process(
    envelope: MessageEnvelope | CancelEnvelope,
    place: Place,
    consumer: string,
    work: () => Promise<Reaction>,
  ): Promise<Reaction>;
  /** A handler runs: of one message within its span, of several within none. */
  handle(contexts: readonly MessageContext[], work: () => Promise<unknown>): Promise<unknown>;
  /** A receipt is applied, child of what the consumer did. */
  settle(envelope: ReceiptEnvelope, place: Place, work: () => Promise<ReceiptReaction>): Promise<ReceiptReaction>;
  /** A follow-up runs: child of the receipt that set it off, or later, of the message's creation. */
  followUp(
    about: Pick<BoundFollowUp, 'type' | 'verdict'>,
    context: FollowUpContext,
    work: () => Promise<unknown>,
  ): Promise<unknown>;
}

/** Where a message goes, or came from, in the words of the transport. */
export interface Place {
  /** `rabbitmq`, `direct`, `memory`. */
  readonly system: string;
  /** `outbox.requests:order-service.order.requested`. */
  readonly destination: string;
}

export interface Creation {
  /** To be recorded with the message; undefined if nobody traces. */
  readonly trace: TraceContext | undefined;
  /** @param error why it was not recorded */
  end(error?: unknown): void;
}
