import { may, reopened } from './acts';
import type { FollowUp } from './contract';
import {
  type DeliveryKey,
  type DeliveryState,
  EVERYBODY,
  finalStateOf,
  isFinal,
  type ParkCode,
  type ReceivedAnswer,
  type Mark,
  type StoredAnswer,
  type Trouble,
} from './delivery';
import { type Happening, type HistoryEntry, withHappening } from './history';
import { errorText, type Reason, type Verdict } from './receipt';
import {
  CODES,
  dueAfter,
  heldFor,
  HOLD_CODES,
  type HoldCode,
  isOneOf,
  isPastDeadline,
  judge,
  noteBefore,
  NOTES,
  ON_THE_WAY,
  PARKABLE,
  parkedText,
  STEPS,
} from './rules';

/**
 * What becomes of a delivery's row, by the rules: for stores that lock a row, ask here, and write the answer. A store in which one
 * statement does all three renders the same lists instead (adapters/postgres). Times are milliseconds since 1970 by the database's
 * clock, with its microseconds behind the point.
 */
export interface DeliveryRow extends DeliveryKey {
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly followUp: FollowUp;
  readonly nextAt: number | undefined;
  readonly leaseToken: string | undefined;
  readonly deadlineAt: number | undefined;
  /** End of this phase's budget; undefined until the first claim of the phase. */
  readonly giveUpAt: number | undefined;
  readonly verdict: Verdict | undefined;
  readonly reason: Reason | undefined;
  readonly result: unknown;
  readonly code: string | undefined;
  readonly lastError: string | undefined;
  readonly cancelReason: string | undefined;
  readonly sentAt: number | undefined;
  readonly settledAt: number | undefined;
  /** Its service and its key, if it is to be in order; and its number there. */
  readonly orderKey: string | undefined;
  readonly orderNo: number | undefined;
  readonly history: readonly HistoryEntry<number>[];
}

/** What a row becomes; undefined: it may not, and stays as it is. */
export type Change = Partial<Omit<DeliveryRow, keyof DeliveryKey>> | undefined;

/** What a claim knows of a row besides. */
export interface Circumstances {
  readonly now: number;
  /** When the message was recorded. */
  readonly createdAt: number;
  readonly paused: boolean;
  readonly outOfTurn: boolean;
}

/** Of somebody who can send at once what he takes. */
interface Lease {
  readonly leaseToken: string;
  readonly leaseMs: number;
  readonly giveUpAfterMs: number;
}

/** What a claim does to a row that is due, and which of the three it is. */
export type Claimed = { readonly change: NonNullable<Change> } & (
  | { readonly kind: 'leased' }
  | { readonly kind: 'parked'; readonly code: ParkCode }
  | { readonly kind: 'held'; readonly code: HoldCode }
);

export function claimed(
  row: DeliveryRow,
  at: Circumstances,
  request: Lease & { readonly maxFollowUpAttempts: number },
): Claimed {
  const ends = judge({ ...row, paused: at.paused, outOfTurn: at.outOfTurn }, at.now, request);
  switch (ends?.in) {
    case undefined:
    case 'cancelling':
      return { kind: 'leased', change: leased(row, ends?.in ?? row.state, at.now, request) };
    case 'parked': {
      const { code } = ends;
      const lastError = parkedText(code, row);
      const history = noted(row, { what: 'parked', attempt: row.attempts, code, why: lastError }, at.now);
      return { kind: 'parked', code, change: { ...AT_REST, state: 'parked', code, lastError, history } };
    }
    case 'held': {
      // Out of the way of what is due, until `resume` or `nextTurn`, the deadline, or for a while.
      const latest = row.consumer === EVERYBODY ? Infinity : (row.deadlineAt ?? Infinity);
      const nextAt = Math.min(at.now + heldFor(ends.code, at.now - at.createdAt), latest);
      const change = { nextAt, leaseToken: undefined, giveUpAt: undefined, code: ends.code };
      return { kind: 'held', code: ends.code, change };
    }
    default:
      return ends satisfies never;
  }
}

/** Neither due nor leased. */
const AT_REST = { nextAt: undefined, leaseToken: undefined };

/** The next attempt, or the first of a new phase. */
function leased(
  row: DeliveryRow,
  next: DeliveryState,
  now: number,
  { leaseToken, leaseMs, giveUpAfterMs }: Lease,
): NonNullable<Change> {
  const code = HOLD_CODES.some((held) => held === row.code) ? undefined : row.code;
  const lease = { leaseToken, nextAt: now + leaseMs, code };
  if (next !== row.state) {
    const history = noted(row, { what: 'deadline-passed', attempt: row.attempts }, now);
    return { ...lease, state: next, attempts: 1, giveUpAt: now + giveUpAfterMs, history };
  }
  return { ...lease, attempts: row.attempts + 1, giveUpAt: row.giveUpAt ?? now + giveUpAfterMs };
}

/** Whether this mark may still be written, by this lease (R1). */
export function mayBeMarked({ state, leaseToken }: DeliveryRow, lease: string, { kind }: Mark): boolean {
  return leaseToken === lease && isOneOf(STEPS[kind].leaves, state);
}

export function marked(row: DeliveryRow, lease: string, mark: Mark, now: number): Change {
  if (!mayBeMarked(row, lease, mark)) return undefined;
  const { becomes: state = row.state, sends, uncounted } = STEPS[mark.kind];
  return {
    ...('error' in mark && failed(row, mark, now)),
    state,
    leaseToken: undefined,
    attempts: uncounted ? Math.max(0, row.attempts - 1) : row.attempts,
    nextAt: 'waitMs' in mark ? dueAfter(row, now, mark.waitMs) : undefined,
    sentAt: sends ? now : row.sentAt,
    settledAt: isFinal(state) ? now : undefined,
  };
}

/** What went as it should leaves code, text and history as they were. */
function failed(
  row: DeliveryRow,
  { code, error }: { readonly code?: string; readonly error?: string | undefined },
  now: number,
): Change {
  const kept = code === undefined ? {} : { code };
  if (error === undefined) return kept;
  const lastError = errorText(error);
  const what = row.state === 'answered' ? 'follow-up-failed' : 'send-failed';
  return { ...kept, lastError, history: noted(row, { what, attempt: row.attempts, ...kept, why: lastError }, now) };
}

/** The verdict that ends a delivery. */
export function closed(row: DeliveryRow, answer: StoredAnswer, now: number): Change {
  return may('answer', row) ? ended(answer, now) : undefined;
}

/** The end of an answer that was kept, for whoever has its lease. */
export function closedAnswered(row: DeliveryRow, lease: string, now: number): Change {
  const { state, leaseToken, verdict, reason, result } = row;
  if (state !== 'answered' || leaseToken !== lease) return undefined;
  return ended({ verdict: verdict!, reason, result }, now);
}

function ended({ verdict, reason, result }: StoredAnswer, now: number): NonNullable<Change> {
  return { ...AT_REST, verdict, reason, result, state: finalStateOf(verdict), settledAt: now };
}

/** A verdict whose follow-up is due later. */
export function keptAnswer(
  row: DeliveryRow,
  { verdict, reason, result }: StoredAnswer,
  later: { readonly waitMs: number } & Trouble,
  now: number,
): Change {
  if (!may('answer', row)) return undefined;
  const [code, lastError] = [later.code, errorText(later.error)];
  return {
    ...{ verdict, reason, result, state: 'answered', attempts: 0, nextAt: now + later.waitMs },
    ...{ leaseToken: undefined, giveUpAt: undefined, code, lastError },
    history: noted(row, { what: 'follow-up-failed', code, why: lastError }, now),
  };
}

export function deferred(
  row: DeliveryRow,
  attempt: number,
  later: { readonly waitMs: number } & Trouble,
  now: number,
): Change {
  if (!isOneOf(ON_THE_WAY, row.state) || row.attempts !== attempt) return undefined;
  const [code, lastError, nextAt] = [later.code, errorText(later.error), dueAfter(row, now, later.waitMs)];
  const history = noted(row, { what: 'deferred', attempt, code, why: lastError }, now);
  return { state: 'pending', leaseToken: undefined, nextAt, code, lastError, history };
}

export function parked(
  row: DeliveryRow,
  attempt: number | 'any',
  { code, error }: { readonly code: ParkCode; readonly error: string },
  now: number,
): Change {
  const ofAttempt = attempt === 'any' || row.attempts === attempt;
  if (!ofAttempt || !isOneOf(PARKABLE[attempt === 'any' ? 'any' : 'attempt'], row.state)) return undefined;
  const lastError = errorText(`${code}: ${error}`);
  const history = noted(row, { what: 'parked', attempt: row.attempts, code, why: lastError }, now);
  return { ...AT_REST, state: 'parked', code, lastError, history };
}

/** On a discarded row without one the verdict is kept as such; a contradiction only as text, before the older text. */
export function lateVerdict(row: DeliveryRow, answer: ReceivedAnswer, now: number): Change {
  const { verdict, reason, result } = answer;
  if (!may('note-late-verdict', row, verdict)) return undefined;
  const note = errorText(NOTES.lateVerdict(verdict, reason?.code));
  return {
    ...(row.verdict === undefined && { verdict, reason, result }),
    code: CODES.lateVerdict,
    lastError: noteBefore(note, row.lastError),
    history: noted(row, { what: 'late-verdict', code: CODES.lateVerdict, why: note }, now),
  };
}

/** Who asked, if they gave a name, and why. */
export interface Asked {
  readonly by?: string | undefined;
  readonly reason?: string | undefined;
}

export function cancelled(row: DeliveryRow, { by, reason }: Asked & { readonly reason: string }, now: number): Change {
  if (!may('cancel', row)) return undefined;
  return {
    ...{ state: 'cancelling', attempts: 0, nextAt: now, leaseToken: undefined, giveUpAt: undefined },
    deadlineAt: Math.min(row.deadlineAt ?? now, now),
    cancelReason: errorText(reason),
    code: CODES.cancelled,
    lastError: noteBefore(errorText(NOTES.cancelled(reason)), row.lastError),
    history: noted(row, { what: 'cancel-requested', code: CODES.cancelled, ...said({ by, reason }) }, now),
  };
}

export function retried(row: DeliveryRow, { by, reason }: Asked, deadlineMs: number | undefined, now: number): Change {
  if (!may('retry', row)) return undefined;
  const deadlineAt = deadlineMs === undefined ? row.deadlineAt : now + deadlineMs;
  return {
    ...{ state: reopened({ ...row, deadlineAt }, now), attempts: 0, nextAt: now, deadlineAt },
    ...{ giveUpAt: undefined, code: undefined, lastError: undefined },
    cancelReason: deadlineMs === undefined ? row.cancelReason : undefined,
    history: noted(row, { what: 'retried', ...said({ by, reason }) }, now),
  };
}

/** Nothing that could still have an effect is given up without force. */
export function discarded(
  row: DeliveryRow,
  { by, reason }: Asked & { readonly reason: string },
  force: boolean,
  now: number,
): Change {
  if (!may(force ? 'discard-by-force' : 'discard', row)) return undefined;
  const lastError = noteBefore(errorText(NOTES.discarded(reason)), row.lastError);
  return {
    ...{ state: 'discarded', settledAt: now, lastError },
    history: noted(row, { what: 'discarded', ...said({ by, reason }) }, now),
  };
}

/** Whether a row is held for this: then it can be let go, or taken. What has ended keeps the code of what it was last held for. */
export function isHeld({ code, nextAt }: DeliveryRow, held: HoldCode): boolean {
  return code === held && nextAt !== undefined;
}

/** Of a row that is held: due at once. */
export function letGo(now: number): NonNullable<Change> {
  return { nextAt: now, code: undefined };
}

/** Of a row whose turn it is: leased as by a claim; not past its deadline, for then a claim has something else to do with it. */
export function taken(row: DeliveryRow, lease: Lease, now: number): Change {
  return isPastDeadline(row, now) ? undefined : leased(row, row.state, now, lease);
}

function noted({ history }: DeliveryRow, happening: Happening, now: number): DeliveryRow['history'] {
  return withHappening(history, happening, now);
}

/** In their bounds; who said nothing is not there. */
function said({ by, reason }: Asked): Pick<Happening, 'why' | 'by'> {
  return { ...(reason !== undefined && { why: errorText(reason) }), ...(by !== undefined && { by: errorText(by) }) };
}
