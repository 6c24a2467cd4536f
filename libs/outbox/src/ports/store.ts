import type { FollowUp } from '../message/contract';
import type {
  ClaimedDelivery,
  DeliveryKey,
  DeliveryState,
  ParkCode,
  ReceivedAnswer,
  RecordedMessage,
  Mark,
  Trouble,
} from '../message/delivery';
import type { HistoryEntry } from '../message/history';
import type { Pause, PauseTarget } from '../message/pause';
import type { DeliveryRecord } from './delivery-record';
import type { JobStore } from './jobs';
import type { Reason, Verdict } from '../message/receipt';

export type { DeliveryRecord } from './delivery-record';

/**
 * The producer's tables. One place touches these rows; every rule about *who may change what* is here.
 *
 * What every implementation must hold:
 * - **Fenced writes (R1).** A write names the states it may leave, and, when it acts on a lease, the lease token. A write
 *   that matches no row changes nothing and says so; it never throws for that. Every transition but a renewed lease
 *   clears the token.
 * - **An answer is to a content.** A write that brings what a receipt says changes a row only if the recorded message has
 *   the receipt's `payloadHash`, where it has one: what was said about other content says nothing about this row.
 * - **One clock.** All "now" is the database's, read when the statement runs, not when its transaction began.
 * - **Bounded, ordered batches.** A statement over several rows locks them first, in one order, and skips rows that
 *   others hold, so batches neither deadlock nor wait for a follow-up in progress.
 * - **No history without its step, and no step without its history.** The write that puts a delivery off, parks it, asks to give
 *   it up, opens it again, discards it or notes a late verdict adds to its history as well. What every delivery does adds nothing.
 * - `tx` parameters are the caller's transaction: the write commits or rolls back with it. Methods without one commit on
 *   their own before they resolve.
 *
 * - **Order, where it is asked for** (docs/adr/0017). Ordered deliveries of one service, consumer and key are numbered in the order in
 *   which their transactions commit, and none is claimed while an earlier one is not final.
 *
 * Not promised: any other order among deliveries.
 */
export interface OutboxStore<Tx = unknown> {
  /** What people do to many deliveries at once. */
  readonly jobs: JobStore;

  /**
   * Inserts messages and their deliveries, in one statement. A message with `lease` is inserted as attempt 1, leased:
   * the caller will publish it from memory (R15). Others are attempt 0 and due after `delayMs`. An `ordered` one waits for the
   * end of every transaction that has recorded one of the same key and consumer before.
   * @returns per message, in order, when the database recorded it and its absolute deadline
   * @throws MessageAlreadyRecordedError if an id exists (R10)
   */
  add(tx: Tx, messages: readonly NewMessage[]): Promise<AddedMessage[]>;
  /**
   * As `add`, for messages whose ids cannot exist yet. The rows are part of the transaction from here on, and what is asked in
   * it afterwards finds them; but what the database says of them may come only with the answer to the next statement, COMMIT
   * included. If it refuses them that statement fails, and so does `answer`, with the reason.
   *
   * Not there in a store for which an answer costs nothing.
   */
  addLater?(tx: Tx, messages: readonly NewMessage[]): Promise<Later<AddedMessage[]>>;
  /**
   * Writes down which follow-ups the service has (R13). Once resolved, every row of these types that is closed later
   * expects them, whoever recorded it and whoever closes it. What is registered already stays as it is.
   */
  registerFollowUps(source: string, followUps: readonly RegisteredFollowUp[]): Promise<void>;
  /** Of the rows leased under this token, the messages that still exist in this transaction (R15). */
  stillRecorded(tx: Tx, leaseToken: string, messageIds: readonly string[]): Promise<string[]>;

  /**
   * Tells one database from another in a few characters: the same for every process that uses it, and after a failover to
   * its replica; another one for a second database. Undefined if the database does not say.
   */
  fingerprint(): Promise<string | undefined>;

  /**
   * Takes at most `limit` due deliveries and leases them under one token, in one statement:
   * - `pending`, `sent` → unchanged, attempt + 1; past their deadline → `cancelling`, attempt 1
   * - `cancelling`, `answered` → unchanged, attempt + 1
   * - given up (its `giveUpAfter` is over, or its follow-ups are used up) → `parked`, reported apart, not leased
   * - `pending`, `sent`, not past their deadline, and paused → unchanged, code `PAUSED`, the budget of the phase forgotten; not
   *   leased, and not due until `resume` or the deadline
   * - `pending`, `ordered`, and an earlier one of its key is not final → the same with the code `WAITS_ITS_TURN`, until `nextTurn`,
   *   which is due for them at once: what has become final meanwhile has passed them by
   */
  claim(request: ClaimRequest): Promise<ClaimResult>;
  /** Writes what became of attempts; each mark fenced by its token and states. Waits for nobody: what others hold is told. */
  mark(marks: readonly MarkRow[]): Promise<Marked>;

  /**
   * Closes the rows that expect **no** follow-up for this verdict, neither by themselves nor because the service has
   * registered one (R13), by compare-and-set from an undecided state (R6).
   * `answers` must name every delivery at most once.
   *
   * With a lease the same statement, in the same commit, may also take the next of their keys, as `nextTurn` would: what it does
   * not see, or finds locked, is for `nextTurn` to look at.
   * @returns the rows it closed; the others are for the caller to look at one by one
   */
  closeMany(answers: readonly AnsweredDelivery[], lease?: TurnLease): Promise<ClosedRow[]>;
  /**
   * The same compare-and-set for one row whatever it expects, inside the transaction in which its follow-up will run: the
   * row is closed first, which locks it. Waits for a row somebody else holds.
   * @returns the closed delivery, or undefined if it was not undecided (any more): then nothing may run
   */
  close(tx: Tx, key: DeliveryKey, answer: ReceivedAnswer): Promise<ClosedDelivery | undefined>;
  /** Keeps a verdict whose follow-up could not run here (`answered`), by the same compare-and-set. @returns false: no row */
  keepAnswer(key: DeliveryKey, answer: ReceivedAnswer, later: { waitMs: number } & Trouble): Promise<boolean>;
  /**
   * `answered`, still leased by this token → final, inside the follow-up's transaction.
   * @returns what the row expects, or undefined: nothing may run
   */
  closeAnswered(tx: Tx, key: DeliveryKey, leaseToken: string): Promise<FollowUp | undefined>;

  /**
   * To be called when deliveries have become final, or were recorded to wait for their turn, after that is committed: lets go whoever
   * is first now among the ordered ones of their keys, if it is held for its turn. With a lease it is taken, as `claim` would take it;
   * without one, or past its deadline, it is made due. Waits for nobody: what others hold is told. Should it not be called, the
   * row is due by itself (`TURN_MS`).
   */
  nextTurn(keys: readonly DeliveryKey[], lease?: TurnLease): Promise<NextTurns>;

  /** Receipt *deferred*: pending or sent, same attempt → pending, due after `waitMs` or at the deadline. */
  defer(key: DeliveryKey, attempt: number, later: { waitMs: number; payloadHash?: string } & Trouble): Promise<boolean>;
  /** Receipt *unprocessable*: pending or sent, same attempt → parked. EXPIRED: pending, sent or cancelling, any attempt. */
  park(
    key: DeliveryKey,
    attempt: number | 'any',
    reason: { code: ParkCode; error: string; payloadHash?: string },
  ): Promise<boolean>;
  /** Keeps a verdict that contradicts the stored one, or that came after `discard`, for a person. Runs nothing. */
  noteLateVerdict(key: DeliveryKey, answer: ReceivedAnswer): Promise<void>;

  /**
   * Everything known about the deliveries of a message, by consumer. Empty if it is unknown or pruned. With `tx` also
   * what that transaction has not committed yet.
   */
  find(messageId: string, tx?: Tx): Promise<DeliveryRecord[]>;
  /** What happened to the deliveries of a message, by consumer, then in order; empty if nothing but the usual did. */
  history(messageId: string): Promise<DeliveryHistoryEntry[]>;
  /** The `contentHash` of a recorded message; undefined if it is unknown or pruned. */
  contentHash(messageId: string): Promise<string | undefined>;
  /**
   * At most `limit` deliveries of a service (`source`, here and below), those with the largest keys first: ids grow with time, so the newest.
   * @param page `after` is the last one of the page before
   * @throws SearchTookTooLongError instead of keeping the database busy
   */
  search(source: string, criteria: Criteria, page: { limit: number; after?: DeliveryKey }): Promise<DeliveryRecord[]>;
  /** How many there are; `cap` stands for that many or more. @throws SearchTookTooLongError */
  countUpTo(source: string, criteria: Criteria, cap: number): Promise<number>;
  /** How long ago that was, in milliseconds, by the database's clock; negative for the future. */
  ageMs(recordedAt: string): Promise<number>;
  /** How long the oldest due row has been waiting, in milliseconds; 0 if none is due. Cheap: for health checks. */
  oldestDueMs(source: string): Promise<number>;
  /** Rows by state, and how long the oldest due row has been waiting. Counts every open row. */
  stats(source: string): Promise<OutboxStats>;
  /** As `stats`, but it counts at most `cap` due or waiting rows and as many parked ones, so it costs milliseconds however many there are. */
  sample(source: string, look: { overdueMs: number; cap: number }): Promise<OutboxSample>;

  /**
   * Asks for give-up: pending, sent, or parked without verdict → cancelling, due now; sets the deadline to now if it is
   * later, so that the wish survives. Joins `tx` if there is one.
   *
   * Of this and the two below: if `by` is given and anything changed, the same statement writes it into the audit.
   * @returns the keys it changed
   */
  cancel(
    tx: Tx | undefined,
    messageId: string,
    options: { to?: string; reason: string; by?: string },
  ): Promise<DeliveryKey[]>;
  /** parked → answered if it has a verdict, cancelling if its deadline has passed, else pending; attempts reset, due now. */
  retry(
    messageId: string,
    options: { to?: string; deadlineMs?: number; by?: string; reason?: string },
  ): Promise<DeliveryKey[]>;
  /** parked → discarded. Without `force` only if cancel went unanswered, it expired, has a verdict, or nobody answers it. */
  discard(
    messageId: string,
    options: { to?: string; reason: string; force: boolean; by?: string },
  ): Promise<DeliveryKey[]>;
  /**
   * From its return on every claim holds back what this is about. Paused already: the new `by` and `reason` hold, the old time.
   * This and `resume` write themselves into the audit.
   */
  pause(source: string, target: PauseTarget, asked: { by: string; reason: string }): Promise<Pause>;
  /**
   * Ends the pause of exactly this target, and makes due what was held back. If it is cut short after the first, what is held
   * comes due within two hours, or with the next `resume`.
   * @returns the pause, undefined if there was none, and how many deliveries are due again
   */
  resume(
    source: string,
    target: PauseTarget,
    asked: { by: string; reason: string | undefined },
  ): Promise<{ pause: Pause | undefined; released: number }>;
  /** What is paused, for the longest time first. */
  pauses(source: string): Promise<Pause[]>;
  /** What people did to a service's deliveries, at most `limit` entries, newest first. @param page `after` is the `id` of the last one before */
  audit(source: string, page: { limit: number; after?: string }): Promise<AuditRecord[]>;

  /** Deletes at most `limit` messages whose deliveries are all final since `olderThanMs`. @returns how many */
  prune(source: string, olderThanMs: number, limit: number): Promise<number>;
}

/** An answer that may come later than what was asked for is done. In an object, so that nobody awaits it by mistake. */
export interface Later<T> {
  readonly answer: Promise<T>;
}

/** A message that is to be recorded, with how its deliveries start. */
export interface NewMessage extends Omit<RecordedMessage, 'recordedAt'> {
  readonly deliveries: readonly { readonly consumer: string; readonly followUp: FollowUp }[];
  readonly delayMs: number;
  readonly deadlineMs: number | undefined;
  /** It has a key, and no lease. */
  readonly ordered: boolean;
  /** Recorded as one that waits: whoever records it calls `nextTurn` after the commit. Only of what is ordered, and has no delay. */
  readonly waitsItsTurn?: boolean;
  readonly giveUpAfterMs: number;
  readonly lease: { readonly token: string; readonly leaseMs: number } | undefined;
}

/** A follow-up that some process of the service has. */
export interface RegisteredFollowUp {
  readonly type: string;
  readonly verdict: Verdict;
  /** `PurchasesService.refund`, for people. */
  readonly where: string;
}

export interface AddedMessage {
  readonly id: string;
  readonly recordedAt: string;
  readonly deadlineAt: string | undefined;
}

export interface ClaimRequest {
  /** Whose messages: several services may share the tables. */
  readonly source: string;
  readonly limit: number;
  readonly leaseToken: string;
  readonly leaseMs: number;
  /** Consumers whose window is full: their rows are left to wait, so that they starve nobody. */
  readonly except: readonly string[];
  /** Follow-ups tried this often are parked. */
  readonly maxFollowUpAttempts: number;
  /** The new budget of a row that goes over to `cancelling`. */
  readonly giveUpAfterMs: number;
}

export interface ClaimResult {
  readonly deliveries: readonly ClaimedDelivery[];
  readonly parked: readonly (DeliveryKey & { readonly code: ParkCode; readonly error: string | undefined })[];
  /** How many were due, and are paused or not at their turn. */
  readonly held: number;
  /** Those of them that are not at their turn: `nextTurn` is due. */
  readonly waiting: readonly DeliveryKey[];
  /** What is paused now. */
  readonly pauses: readonly Pause[];
}

export interface MarkRow extends DeliveryKey {
  readonly leaseToken: string;
  readonly mark: Mark;
}

/** What is in neither list was not ours to write any more. */
export interface Marked {
  readonly written: readonly DeliveryKey[];
  /** Still ours, but somebody else had a lock on the row: it can be tried again. */
  readonly held: readonly DeliveryKey[];
}

export interface AnsweredDelivery extends DeliveryKey {
  readonly answer: ReceivedAnswer;
}

/** Of somebody who can send at once what he takes. */
export interface TurnLease {
  readonly leaseToken: string;
  readonly leaseMs: number;
  readonly giveUpAfterMs: number;
}

export interface NextTurns {
  /** How many were made due. */
  readonly due: number;
  /** Leased under the lease that was given, and to be sent. */
  readonly taken: readonly ClaimedDelivery[];
  /** Next of their keys, held for their turn, and not let go: in somebody else's hands, or not first after all. To be looked at again. */
  readonly held: readonly DeliveryKey[];
}

export interface ClosedRow extends DeliveryKey {
  readonly type: string;
  /** Then `nextTurn` is due, unless the next of its key was taken with it. */
  readonly ordered: boolean;
  /** The next of its key, leased under the lease that was given, and to be sent. */
  readonly next?: ClaimedDelivery;
  /** How long ago the message was recorded, in milliseconds. */
  readonly ageMs: number;
}

export interface ClosedDelivery extends DeliveryKey {
  /** What the row says and what the service has registered, together. */
  readonly followUp: FollowUp;
  readonly attempt: number;
  /** Then `nextTurn` is due, after the commit. */
  readonly ordered: boolean;
  /** How long ago the message was recorded, in milliseconds. */
  readonly ageMs: number;
  readonly message: RecordedMessage;
}

/** Something unusual that happened to one delivery of a message. Times are ISO 8601, the database's clock. */
export interface DeliveryHistoryEntry extends HistoryEntry {
  readonly consumer: string;
}

/** Something a person changed. Nothing that was refused is here. */
export interface AuditRecord {
  readonly id: string;
  /** ISO 8601, the database's clock. */
  readonly at: string;
  /** Who, as told by the caller: nobody has checked it. */
  readonly actor: string;
  readonly verb: 'retry' | 'cancel' | 'discard' | 'pause' | 'resume';
  /** What it was asked for, as a filter: `id:…`, perhaps with `to:…`; or `everything`. */
  readonly target: string;
  /** How many deliveries it changed; a pause or its end is 1. */
  readonly changed: number;
  readonly reason: string | undefined;
}

/** Which deliveries of a service: everything that is given is true of them. */
export interface Criteria {
  readonly states?: readonly DeliveryState[];
  /** The whole type, or with a `*` at its end the beginning of one. */
  readonly type?: string;
  readonly to?: string;
  readonly key?: string;
  readonly id?: string;
  /** Recorded longer ago than this, and more recently than that. */
  readonly olderMs?: number;
  readonly newerMs?: number;
  /** The code of a verdict's reason. */
  readonly reason?: string;
  /** E.g. `EXPIRED`. */
  readonly code?: string;
  /** A part of `lastError`, in any case. */
  readonly error?: string;
  /** What stands in the payload: a text as it is, everything else as its JSON. */
  readonly data?: readonly { readonly path: readonly string[]; readonly value: string }[];
}

/** A search took longer than a database should be kept busy by a person who looks around. */
export class SearchTookTooLongError extends Error {}

export interface OutboxStats {
  readonly open: Readonly<Record<'pending' | 'sent' | 'cancelling' | 'answered' | 'parked', number>>;
  /** How long the oldest due row has been waiting, in milliseconds; 0 if none is due. */
  readonly oldestDueMs: number;
}

export interface OutboxSample extends OutboxStats {
  /** Of these, sent and recorded longer than `overdueMs` ago. */
  readonly overdue: number;
  /** The database's time, in milliseconds since 1970. */
  readonly nowMs: number;
}

/**
 * The consumer's table: one row per message, producer and consumer, holding the verdict (R2, R3). The row *is* the receipt.
 *
 * `begin` and `reject` insert; they never overwrite. What they answer is decided by the unique key, so two copies of a
 * message cannot both be first. They measure age with the database's clock against the *original's* recorded time (R9).
 */
export interface InboxStore<Tx = unknown> {
  /**
   * Claims the right to execute, inside the handler's transaction: inserts the row as *accepted*, or as *rejected
   * (DEADLINE)* if the deadline has passed. Waits for a twin in progress up to `lockTimeoutMs`, then throws
   * {@link TwinInProgressError}.
   */
  begin(tx: Tx, message: InboxMessage, limits: InboxLimits): Promise<InboxBegin>;
  /**
   * The same for several messages with different ids, in one statement: inserts those as *accepted* that are new, in time
   * and within the horizon, in the order of their ids. Says nothing about the others: ask `begin` for each.
   * @returns those it inserted
   */
  beginMany(tx: Tx, messages: readonly InboxMessage[], limits: InboxLimits): Promise<BegunMessage[]>;
  /** Adds what the handler returned to rows of `begin` or `beginMany`, in the same transaction, in one statement. */
  keepResults(tx: Tx, results: readonly InboxResult[]): Promise<void>;
  /**
   * Stores a rejection on its own: after the handler's work was rolled back, or for a CANCEL. Somebody else's verdict
   * stands: then it is returned.
   */
  reject(message: InboxMessage, reason: Reason, limits: InboxLimits): Promise<InboxReject>;
  /** The stored row, or how the message stands to the horizon when there is none. */
  look(message: InboxMessage, limits: Pick<InboxLimits, 'horizonMs'>): Promise<InboxLook>;
  /**
   * Writes down what a process of the service handles. What is registered already stays as it is.
   * @returns what the service has handled besides, in other processes or in older versions
   */
  registerHandlers(consumer: string, handlers: readonly RegisteredHandler[]): Promise<RegisteredHandler[]>;
  /** Deletes at most `limit` rows of this consumer received longer than `olderThanMs` ago. @returns how many */
  prune(consumer: string, olderThanMs: number, limit: number): Promise<number>;
}

export interface InboxLimits {
  /** Older messages without a row are never executed (R9). */
  readonly horizonMs: number;
  /** How long a copy waits for its twin in progress. */
  readonly lockTimeoutMs: number;
}

/** A message that `beginMany` inserted. */
export interface BegunMessage {
  readonly messageId: string;
  /** ISO 8601, the consumer's database clock. */
  readonly receivedAt: string;
}

/** A handler that some process of the service has or had. */
export interface RegisteredHandler {
  readonly type: string;
  /** `OrdersService.create`, for people. */
  readonly where: string;
}

/** Names one row of the inbox. A producer chooses its ids, so the same id from another one is another message. */
export interface InboxKey extends DeliveryKey {
  /** The producing service. */
  readonly source: string;
}

export interface InboxResult {
  readonly key: InboxKey;
  /** JSON. */
  readonly result: unknown;
}

export interface InboxMessage extends InboxKey {
  /** SHA-256 over type and body; undefined for a CANCEL, which knows no payload. */
  readonly payloadHash: Buffer | undefined;
  /** When the original was recorded; ISO 8601. */
  readonly recordedAt: string;
  readonly deadlineAt: string | undefined;
}

export interface InboxRow {
  readonly verdict: Verdict;
  readonly reason: Reason | undefined;
  readonly result: unknown;
  readonly payloadHash: Buffer | undefined;
  /** ISO 8601, the consumer's database clock. */
  readonly receivedAt: string;
}

/** Recorded too long ago to execute (R9) · recorded more than an hour in the future. */
export type OutOfTime = 'EXPIRED' | 'CLOCK';

export type InboxBegin =
  | { kind: 'first'; receivedAt: string }
  | { kind: 'past-deadline'; row: InboxRow }
  | { kind: 'known'; row: InboxRow }
  | { kind: OutOfTime };
export type InboxReject = { kind: 'stored'; row: InboxRow } | { kind: 'known'; row: InboxRow } | { kind: OutOfTime };
export type InboxLook = { kind: 'known'; row: InboxRow } | { kind: 'new' } | { kind: OutOfTime };

/** Another copy of this message is being handled right now; it will answer (R12). */
export class TwinInProgressError extends Error {}
