import type { Codec } from '../message/codec';
import type { CancelEnvelope, MalformedEnvelope, MessageEnvelope, ReceiptEnvelope } from '../message/envelope';
import type { PublishOutcome } from '../message/delivery';
import type { Receipt } from '../message/receipt';
import type { TraceContext } from '../message/trace';
import type { Clock, Random } from './clock';
import type { Monitor } from './monitor';

/**
 * Carries envelopes between services. It may lose, repeat, reorder and delay what it carries: the protocol heals all of
 * that. What it must *not* do:
 * - say `confirmed` before the envelope is safe with somebody else (and, for RabbitMQ, routed to at least one queue);
 * - say `unavailable` when the envelope may have left;
 * - acknowledge an incoming envelope before the endpoint's promise for it has resolved;
 * - keep envelopes in unbounded memory: with no connection, `publish` says `unavailable` at once;
 * - let an error of its own become an unhandled rejection.
 */
export interface Transport {
  /** `rabbitmq`, `direct`, `memory`: for logs and health. */
  readonly name: string;
  /** True while a publish has a chance. Nothing is claimed otherwise. */
  readonly ready: boolean;
  /** Longest time a `publish` takes to resolve once it has left, in milliseconds. The lease must outlast it (R16). */
  readonly publishTimeoutMs: number;

  /** Largest body it can carry, in bytes, as far as it is known by now. */
  readonly maxBodyBytes?: number;

  /**
   * Where messages of this type go, in the words of whoever runs it: `outbox.requests:order-service.order.requested`. For
   * metrics and traces. Also of cancels (`CANCEL_TYPE`) and receipts (`RECEIPT_TYPE`).
   * @param to the receiving service; `*` for announcements
   */
  destination(to: string, type: string): string;

  /** Connects and serves. Resolves when it is serving, or when the peer is unreachable and it keeps trying. */
  start(endpoint: Endpoint): Promise<void>;
  /**
   * Never rejects.
   * @param to the receiving service; undefined for an announcement
   * @param before it must not leave later, by the monotonic clock; a transport that makes it wait for others says
   * `unavailable` instead (R16)
   */
  publish(envelope: MessageEnvelope | CancelEnvelope, to: string | undefined, before?: number): Promise<PublishOutcome>;
  /**
   * How many messages these services have put aside for a person, where they are kept with others; without those that have no
   * such place. For whoever looks: it is no part of carrying. Never rejects.
   */
  quarantined?(services: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Takes no more envelopes; resolves when those in hand are answered, or when the time is over. */
  stopConsuming(timeoutMs: number): Promise<void>;
  /** Ends every connection. What is in flight resolves as `unknown`. */
  close(): Promise<void>;
}

/** What a transport serves: the consuming half of this service, and its receipts. None of these ever rejects. */
export interface Endpoint {
  readonly service: string;
  /** Which database it works on, for whoever looks at its connections: two behind one service share its messages out. */
  readonly database: string | undefined;
  readonly subscriptions: readonly Subscription[];
  /** Handles a message or cancel to its end. */
  onEnvelope(envelope: MessageEnvelope | CancelEnvelope): Promise<Reaction>;
  /** Applies a receipt. @param returns how often it has been given back before, as far as anybody counted */
  onReceipt(envelope: ReceiptEnvelope, returns: number): Promise<ReceiptReaction>;
  /** Something that is no envelope arrived; the transport has put it aside. */
  onMalformed(malformed: MalformedEnvelope): void;
  /** The transport has become ready, or no longer is. */
  onReady(ready: boolean): void;
}

/** One queue to consume. Cancels and receipts are always consumed. */
export interface Subscription {
  readonly type: string;
  readonly kind: 'request' | 'announcement';
  /** How many messages are handled at once. */
  readonly concurrency: number;
  /** How many may wait in hand besides, unacknowledged, for their next try; none if undefined. */
  readonly waiting?: number;
}

/** What becomes of an envelope after it was handled. In every case it is acknowledged. */
export type Reaction =
  /** Send this receipt to `to`, then acknowledge, even if it could not be sent (R11 asks again). */
  | { kind: 'answer'; to: string; receipt: Receipt; trace?: TraceContext }
  /** Nobody is to be told: a twin is answering, or an announcement is done. */
  | { kind: 'silence' }
  /** Nobody *can* be told: keep the envelope for a person, then acknowledge. */
  | { kind: 'quarantine'; problem: string };

/** What becomes of a receipt. */
export type ReceiptReaction =
  /** It was applied, or had nothing to change: acknowledge it. */
  | { kind: 'done' }
  /** It will never be applied: keep it for a person, then acknowledge. The producer asks again (R11). */
  | { kind: 'quarantine'; problem: string }
  /** It could not be applied: give it back after a pause, so that it comes again. */
  | { kind: 'return'; problem: string; pauseMs: number };

/** Makes the transport of one process: what `transport:` in the module's options takes, e.g. `rabbitMq()`. */
export interface TransportFactory {
  /** The name of the transports it makes. */
  readonly name: string;
  /**
   * Called once, while the application is being built: it neither connects nor looks anything up; `start` does.
   * @throws MissingDependencyError, InvalidOptionsError
   */
  create(deps: TransportDeps): Transport;
}

/** What a transport is given by the application. */
export interface TransportDeps {
  /** The name of this service. */
  readonly service: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly monitor: Monitor;
  /** How envelopes are written and read, signed or not. Transports use nothing else. */
  readonly codec: Codec;
  /** Largest payload of a message, in bytes. */
  readonly maxPayloadBytes: number;
  /** Looks up a provider of the application, by class or token; undefined if there is none. Not before `start`. */
  resolve<T>(token: unknown): T | undefined;
}
