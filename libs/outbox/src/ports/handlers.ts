import type { ContractClass } from '../message/contract';
import type { RecordedMessage } from '../message/delivery';
import type { Reason, Verdict } from '../message/receipt';

/** What a handler or follow-up is told beside the message. */
export interface MessageContext<Tx = unknown> {
  readonly messageId: string;
  readonly type: string;
  /** The service that recorded the message. */
  readonly source: string;
  /** The service that received it; with several consumers, says which one answered. */
  readonly consumer: string;
  readonly key: string | undefined;
  readonly attempt: number;
  /** When it was recorded; ISO 8601, the producer's database clock. */
  readonly recordedAt: string;
  /** The user's headers, correlation and trace context. */
  readonly headers: Readonly<Record<string, string>>;
  /** The transaction in which the verdict (or the final state) is stored. Write through it. Not enumerable: logs leave it out. */
  readonly manager: Tx;
  /** Aborted when the handler's time-out has passed: its transaction is rolled back, and what it still writes fails. */
  readonly signal: AbortSignal;
}

/** What a follow-up is told: the verdict's reason (rejected) or what the consumer's handler returned (accepted). */
export interface FollowUpContext<Tx = unknown> extends MessageContext<Tx> {
  readonly reason: Reason | undefined;
  readonly result: unknown;
}

/**
 * What is told of a message. The signal is made when it is asked for. The transaction is there to be used, not to be seen: a
 * context that is logged, copied or written as JSON does not bring along a connection with its settings.
 */
export function contextOf<Tx>(
  { id, type, source, key, recordedAt, headers }: RecordedMessage,
  { consumer, attempt }: { readonly consumer: string; readonly attempt: number },
  signal: () => AbortSignal,
  manager: Tx,
): MessageContext<Tx> {
  const context = {
    ...{ messageId: id, type, source, consumer, key, attempt, recordedAt, headers },
    get signal() {
      return signal();
    },
  };
  return Object.defineProperty(context, 'manager', { value: manager }) as typeof context & { readonly manager: Tx };
}

/** A `@MessageHandler`, found at boot: it takes one message at a time, or an array of them. */
export type BoundHandler = SingleHandler | BatchHandler;

export interface SingleHandler extends HandlerLimits {
  /**
   * At most so many messages share a transaction, in which the handler is called for one after another; 1: each has its
   * own; `auto`: they share one when they would have to wait for one another anyway.
   */
  readonly groupCommit: number | 'auto';
  readonly batch?: undefined;
  /** What it returns (JSON) travels back in the receipt as `result`. */
  handle(message: object, context: MessageContext): Promise<unknown>;
}

export interface BatchHandler extends HandlerLimits {
  /** One call takes at most so many messages, in one transaction. */
  readonly batch: number;
  /** Messages and contexts stand in the same order. Returns nothing, or an array with a result for each, in that order. */
  handle(messages: readonly object[], contexts: readonly MessageContext[]): Promise<unknown>;
}

interface HandlerLimits {
  readonly type: string;
  readonly contract: ContractClass;
  /** `request` or `announcement`, as the contract says. */
  readonly kind: 'request' | 'announcement';
  /** At most so many messages are in hand at once. */
  readonly concurrency: number;
  /** Of one call. */
  readonly timeoutMs: number;
  /** `OrdersService.create`, for messages to people. */
  readonly where: string;
}

/** An `@OnAccepted` or `@Compensate`, found at boot. */
export interface BoundFollowUp {
  readonly type: string;
  readonly contract: ContractClass;
  readonly verdict: Verdict;
  readonly where: string;
  run(message: object, context: FollowUpContext): Promise<unknown>;
}

/**
 * The handlers and follow-ups of this process: the same ones from the first question on.
 * @throws HandlersUnknownError from every method while they cannot be known
 */
export interface HandlerRegistry {
  handler(type: string): BoundHandler | undefined;
  handlers(): readonly BoundHandler[];
  followUp(type: string, verdict: Verdict): BoundFollowUp | undefined;
  followUps(): readonly BoundFollowUp[];
}
