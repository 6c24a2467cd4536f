import type { FollowUp } from './contract';
import {
  type DeferredReceipt,
  mayBecomeProcessable,
  type Reason,
  type UnprocessableReceipt,
  type Verdict,
  type VerdictReceipt,
} from './receipt';

/**
 * The states of a delivery (docs/protocol.md, *The states of a delivery*). One row per message and consumer moves through them:
 *
 * ```
 *  pending ──confirmed──► sent ──accepted──────────────► completed ∎
 *     │                    ├────rejected──────────────► compensated ∎
 *     │                    └─verdict, follow-up due──► answered ──► completed ∎ | compensated ∎
 *     ├──confirmed, nobody answers──► delivered ∎
 *     └──deadline or cancel──► cancelling ──verdict──► …
 *  any open state ──cannot be finished──► parked ──► (open again) | discarded ∎
 * ```
 */
export type OpenState = 'pending' | 'sent' | 'cancelling' | 'answered';
export type FinalState = 'completed' | 'compensated' | 'delivered' | 'discarded';
export type DeliveryState = OpenState | 'parked' | FinalState;

/** Due at some time, perhaps leased. */
export const OPEN_STATES: readonly OpenState[] = ['pending', 'sent', 'cancelling', 'answered'];
/** Settled: nothing more happens. */
export const FINAL_STATES: readonly FinalState[] = ['completed', 'compensated', 'delivered', 'discarded'];

export function isFinal(state: DeliveryState): state is FinalState {
  return (FINAL_STATES as readonly DeliveryState[]).includes(state);
}

/** The consumer of an announcement: everybody who listens, and nobody who answers. */
export const EVERYBODY = '*';

/** Names one delivery. */
export interface DeliveryKey {
  readonly messageId: string;
  readonly consumer: string;
}

/** A message as its row keeps it. It never changes once recorded. */
export interface RecordedMessage {
  readonly id: string;
  readonly type: string;
  /** The service that recorded it. */
  readonly source: string;
  readonly key: string | undefined;
  /** The stored JSON text, byte for byte. */
  readonly payload: string;
  /** Flat string headers: correlation, trace context and the user's own. */
  readonly headers: Readonly<Record<string, string>>;
  /** When the database recorded it; ISO 8601, UTC. */
  readonly recordedAt: string;
}

/** A delivery that this process leased: nobody else works on it until the lease ends. */
export interface ClaimedDelivery extends DeliveryKey {
  readonly state: OpenState;
  /** Attempts in this phase, this one included. */
  readonly attempt: number;
  readonly leaseToken: string;
  /** ISO 8601; undefined if the message has none. */
  readonly deadlineAt: string | undefined;
  /** Known in *answered* only. */
  readonly answer: StoredAnswer | undefined;
  /** What `cancel` was told; undefined if nobody asked, so that a *cancelling* row has missed its deadline. */
  readonly cancelReason: string | undefined;
  /** Whether others wait for it to be final. */
  readonly ordered: boolean;
  readonly message: RecordedMessage;
}

/** A verdict as the producer's row keeps it. */
export interface StoredAnswer {
  readonly verdict: Verdict;
  readonly reason: Reason | undefined;
  readonly result: unknown;
}

/** A verdict as a receipt brings it. */
export interface ReceivedAnswer extends StoredAnswer {
  /** What was judged, by `contentHash`: only a row with this content may take the answer. Undefined: a cancel came first. */
  readonly payloadHash: string | undefined;
}

/** The follow-ups of both: what a row says, and what its service has registered (R13). */
export function followUpOf(accepted: boolean, rejected: boolean): FollowUp {
  if (accepted && rejected) return 'both';
  if (accepted) return 'accepted';
  return rejected ? 'rejected' : 'none';
}

/** True if a row with this expectation must run a follow-up before a verdict may close it (R13). */
export function expects(followUp: FollowUp, verdict: Verdict): boolean {
  return followUp === 'both' || followUp === verdict;
}

/** The final state a verdict leads to. */
export function finalStateOf(verdict: Verdict): 'completed' | 'compensated' {
  return verdict === 'accepted' ? 'completed' : 'compensated';
}

/** What became of one publish. A time-out is *unknown*, never "not sent": the copy may still arrive. */
export type PublishOutcome =
  /** The transport has it safely, and it was routed to at least one queue. */
  | { kind: 'confirmed' }
  /** It was routed to nobody. */
  | { kind: 'returned' }
  /** The transport said no. */
  | { kind: 'refused'; error: string }
  /** It may or may not have been sent. */
  | { kind: 'unknown'; error: string }
  /** Certainly not sent: there was no connection or no room. */
  | { kind: 'unavailable' }
  /** The reply came with the call (direct transport): a receipt instead of a confirm. */
  | { kind: 'replied' };

/**
 * What to write after an attempt. Each mark names the states it may leave (R1); `waitMs` counts from the database's
 * now. `retry` and `sent` never wait past the deadline.
 */
export type Mark =
  | { kind: 'sent'; waitMs: number }
  | { kind: 'delivered' }
  /** pending or sent → pending */
  | { kind: 'retry'; waitMs: number; code: string; error: string }
  /** cancelling → cancelling, answered → answered */
  | { kind: 'again'; waitMs: number; code?: string; error: string | undefined }
  /** Nothing was tried: the attempt is given back and the row is due after `waitMs`. */
  | { kind: 'release'; waitMs: number; code?: string; error?: string };

/** How long to wait, by attempt (1-based). Injected, so that decide() stays pure. */
export interface Waits {
  /** After a failure: exponential, full jitter. */
  backoff(attempt: number): number;
  /** For a receipt, after a confirm. */
  receipt(attempt: number): number;
}

/**
 * The one decision after a publish: what became of it → what to write. Pure: time and chance come in with `waits`.
 * `undefined` means there is nothing to write, because the receipt that came with the call is applied on its own.
 */
export function decide(delivery: ClaimedDelivery, outcome: PublishOutcome, waits: Waits): Mark | undefined {
  const { attempt, state } = delivery;
  const announcement = delivery.consumer === EVERYBODY;
  switch (outcome.kind) {
    case 'replied':
      return undefined;
    case 'unavailable':
      return { kind: 'release', waitMs: 0 };
    case 'confirmed':
      if (state === 'cancelling') return { kind: 'again', waitMs: waits.backoff(attempt), error: undefined };
      return announcement ? { kind: 'delivered' } : { kind: 'sent', waitMs: waits.receipt(attempt) };
    case 'returned':
      if (announcement && delivery.message.headers[LISTENERS_HEADER] === 'optional') return { kind: 'delivered' };
      return announcement
        ? failed(delivery, 'NOBODY_LISTENS', NOBODY_LISTENS, waits)
        : failed(delivery, 'UNROUTABLE', UNROUTABLE, waits);
    case 'refused':
      return failed(delivery, 'REFUSED', outcome.error, waits);
    case 'unknown':
      return failed(delivery, 'UNKNOWN', outcome.error, waits);
    default:
      return outcome satisfies never;
  }
}

/** What a row keeps of its last trouble. */
export interface Trouble {
  /** For rules and filters. */
  readonly code: string;
  /** For people: begins with the code. */
  readonly error: string;
}

export function troubled(code: string, why: string): Trouble {
  return { code, error: `${code}: ${why}` };
}

function failed(delivery: ClaimedDelivery, code: string, why: string, waits: Waits): Mark {
  const later = { waitMs: waits.backoff(delivery.attempt), ...troubled(code, why) };
  return delivery.state === 'cancelling' ? { kind: 'again', ...later } : { kind: 'retry', ...later };
}

/**
 * True when somebody should hear that this attempt is one of many: at every `alarmAfter`th, and twice as early where a
 * copy was sent and nothing came back, for these waits are long.
 */
export function isOverdue({ state, attempt }: Pick<ClaimedDelivery, 'state' | 'attempt'>, alarmAfter: number): boolean {
  return attempt > 1 && attempt % (state === 'sent' ? Math.ceil(alarmAfter / 2) : alarmAfter) === 0;
}

/** Stored with an announcement whose contract says `listeners: 'optional'`; the relay may not know the contract. */
export const LISTENERS_HEADER = 'outbox_listeners';

const NOBODY_LISTENS = "no queue is bound for this announcement. Start a subscriber, or declare listeners: 'optional'.";
const UNROUTABLE = 'no queue is bound for this consumer and type. Has the consumer been started once?';

/** Why a row was parked. */
export type ParkCode =
  'GAVE_UP' | 'NOBODY_LISTENS' | 'CANCEL_UNANSWERED' | 'FOLLOW_UP_FAILED' | 'UNPROCESSABLE' | 'EXPIRED';

/** What a receipt without a verdict does to an open row: of the attempt that it answers, or whatever its attempt. */
export type NoVerdictEffect =
  | { kind: 'put-off'; waitMs: number; code: string; error: string }
  | { kind: 'park'; attempt: number | 'any'; code: 'EXPIRED' | 'UNPROCESSABLE'; detail: string; error: string };

/** A deferred receipt may ask for a wait between these. */
const RETRY_AFTER_MS = { min: 1_000, max: 3_600_000 };

/** The one decision after a receipt that is no verdict (R12). Pure. */
export function decideNoVerdict(receipt: DeferredReceipt | UnprocessableReceipt, waits: Waits): NoVerdictEffect {
  const { attempt, reason } = receipt;
  const error = reason.message === undefined ? reason.code : `${reason.code}: ${reason.message}`;
  if (receipt.verdict === 'deferred') {
    const asked = receipt.retryAfterMs;
    const waitMs =
      asked === undefined ? waits.backoff(attempt) : Math.min(Math.max(asked, RETRY_AFTER_MS.min), RETRY_AFTER_MS.max);
    return { kind: 'put-off', waitMs, code: reason.code, error };
  }
  if (mayBecomeProcessable(reason.code, attempt))
    return { kind: 'put-off', waitMs: waits.backoff(attempt), code: reason.code, error };
  // Nothing changes its age: whichever attempt it answers.
  if (reason.code === 'EXPIRED')
    return { kind: 'park', attempt: 'any', code: 'EXPIRED', detail: reason.message ?? '', error };
  return { kind: 'park', attempt, code: 'UNPROCESSABLE', detail: error, error };
}

/** What a verdict receipt brings to the row. */
export function answerOf(receipt: VerdictReceipt): ReceivedAnswer {
  const { payloadHash } = receipt;
  return receipt.verdict === 'accepted'
    ? { verdict: 'accepted', reason: undefined, result: receipt.result, payloadHash }
    : { verdict: 'rejected', reason: receipt.reason, result: undefined, payloadHash };
}
