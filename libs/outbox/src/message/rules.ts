import {
  type DeliveryState,
  EVERYBODY,
  FINAL_STATES,
  OPEN_STATES,
  type OpenState,
  type ParkCode,
  type Mark,
} from './delivery';
import { MAX_ERROR_TEXT, type Verdict } from './receipt';

/**
 * Which state of a delivery may follow which, as data. Stores decide nothing of it: PostgreSQL renders these lists into its
 * statements, the others ask the functions over them (transitions.ts); so what the simulation proves is what a database runs.
 */

/** A copy is on its way to the consumer, or will be. */
export const ON_THE_WAY: readonly OpenState[] = ['pending', 'sent'];
/** The states a verdict may be stored from, while none is stored yet (R6). */
export const UNDECIDED: readonly DeliveryState[] = [...ON_THE_WAY, 'cancelling', 'parked'];
/** What a receipt without a verdict may park (R12): of its own attempt, or because nothing changes it any more. */
export const PARKABLE: Readonly<Record<'attempt' | 'any', readonly OpenState[]>> = {
  attempt: ON_THE_WAY,
  any: [...ON_THE_WAY, 'cancelling'],
};
/** Parked for one of these, the consumer can no longer accept: it may be discarded without force. */
export const HARMLESS: readonly ParkCode[] = ['CANCEL_UNANSWERED', 'EXPIRED'];
/** What a mark may leave (R1), and what it makes of the row. */
export interface Step {
  readonly leaves: readonly OpenState[];
  /** Without it the row stays in its state. A final one is settled, and due no more. */
  readonly becomes?: DeliveryState;
  /** A copy has left: the time is kept. */
  readonly sends?: true;
  /** It was no attempt after all. */
  readonly uncounted?: true;
}

export const STEPS: Readonly<Record<Mark['kind'], Step>> = {
  sent: { leaves: ON_THE_WAY, becomes: 'sent', sends: true },
  delivered: { leaves: ['pending'], becomes: 'delivered', sends: true },
  retry: { leaves: ON_THE_WAY, becomes: 'pending' },
  again: { leaves: ['cancelling', 'answered'] },
  release: { leaves: [...ON_THE_WAY, 'cancelling', 'answered'], uncounted: true },
};

/** What can be true of a row that is due. */
export type Circumstance =
  /** It has a consumer that could still be asked, and its deadline is over. */
  | 'past-deadline'
  /** A person has paused what it would be sent to, or its type. */
  | 'paused'
  /** It is to be in order, and an earlier one of its key to the same consumer is not final. */
  | 'out-of-turn'
  /** Its follow-up has failed as often as it may. */
  | 'attempts-spent'
  /** The budget of its phase is spent. */
  | 'budget-spent'
  /** The same, and its last copy was routed to nobody who listens. */
  | 'budget-spent-unheard';

/** Why a row is held. Nothing but what it says keeps it from being sent. */
export type HoldCode = 'PAUSED' | 'WAITS_ITS_TURN';

interface Judgement {
  readonly of: readonly OpenState[];
  readonly when: Circumstance;
  /** A new phase, the code to be parked with, or the one to be held with: it stays in its state, and no attempt is made. */
  readonly ends:
    | { readonly in: 'cancelling' }
    | { readonly in: 'parked'; readonly code: ParkCode }
    | { readonly in: 'held'; readonly code: HoldCode };
}

/** What becomes of a row that is due *again*, by the first that applies; by none: the next attempt of its phase. */
export const JUDGEMENTS: readonly Judgement[] = [
  { of: ON_THE_WAY, when: 'past-deadline', ends: { in: 'cancelling' } },
  { of: ON_THE_WAY, when: 'paused', ends: { in: 'held', code: 'PAUSED' } },
  // Only until its first copy: nothing earlier can appear any more (docs/adr/0017).
  { of: ['pending'], when: 'out-of-turn', ends: { in: 'held', code: 'WAITS_ITS_TURN' } },
  { of: ON_THE_WAY, when: 'budget-spent-unheard', ends: { in: 'parked', code: 'NOBODY_LISTENS' } },
  { of: ON_THE_WAY, when: 'budget-spent', ends: { in: 'parked', code: 'GAVE_UP' } },
  { of: ['cancelling'], when: 'budget-spent', ends: { in: 'parked', code: 'CANCEL_UNANSWERED' } },
  { of: ['answered'], when: 'attempts-spent', ends: { in: 'parked', code: 'FOLLOW_UP_FAILED' } },
  { of: ['answered'], when: 'budget-spent', ends: { in: 'parked', code: 'FOLLOW_UP_FAILED' } },
];

/** As much of a row as its judgement needs. Times in milliseconds since 1970, by the database's clock. */
export interface DueRow {
  readonly state: DeliveryState;
  readonly consumer: string;
  readonly attempts: number;
  readonly deadlineAt: number | undefined;
  readonly giveUpAt: number | undefined;
  /** Why its last attempt failed, or what was asked of it. */
  readonly code: string | undefined;
  /** Whether a pause is about it. */
  readonly paused: boolean;
  /** Whether an earlier one of its key, to the same consumer, is not final. Only of rows that are to be in order. */
  readonly outOfTurn: boolean;
}

/** What becomes of a row that is due at `now`; undefined: the next attempt of its phase. */
export function judge(
  row: DueRow,
  now: number,
  limits: { maxFollowUpAttempts: number },
): Judgement['ends'] | undefined {
  const holds = (when: Circumstance): boolean => {
    const budgetSpent = row.giveUpAt !== undefined && row.giveUpAt <= now;
    switch (when) {
      case 'past-deadline':
        return isPastDeadline(row, now);
      case 'paused':
        return row.paused;
      case 'out-of-turn':
        return row.outOfTurn;
      case 'attempts-spent':
        return row.attempts >= limits.maxFollowUpAttempts;
      case 'budget-spent':
        return budgetSpent;
      case 'budget-spent-unheard':
        return budgetSpent && row.code === 'NOBODY_LISTENS';
      default:
        return when satisfies never;
    }
  };
  return JUDGEMENTS.find(({ of, when }) => isOneOf(of, row.state) && holds(when))?.ends;
}

/** An announcement is never past its deadline: there is nobody who could be asked to forget it. */
export function isPastDeadline(
  { consumer, deadlineAt }: Pick<DueRow, 'consumer' | 'deadlineAt'>,
  now: number,
): boolean {
  return consumer !== EVERYBODY && deadlineAt !== undefined && deadlineAt <= now;
}

/** When a row is due that waits from `now` on: on its way, not past its deadline. */
export function dueAfter(
  { state, deadlineAt }: Pick<DueRow, 'state' | 'deadlineAt'>,
  now: number,
  waitMs: number,
): number {
  const due = now + waitMs;
  return isOneOf(ON_THE_WAY, state) ? Math.min(due, deadlineAt ?? Infinity) : due;
}

/**
 * A row that is held leaves the index of what is due, so that a backlog of them costs the claims nothing. `resume` brings it
 * back at once; should that be cut short, the row comes by itself, after this long or up to twice as long.
 */
export const HELD_MS = 3_600_000;
/**
 * Who waits for the one before is made due when that is final. Should whoever made it so die before he says so, the row looks by
 * itself: after it has waited as long again as it has waited so far, within these bounds, so that many that wait cost little.
 */
export const TURN_MS = { min: 30_000, max: 300_000 };

/** How long a row is held at least, one that was recorded so long ago. */
export function heldFor(code: HoldCode, ageMs: number): number {
  return code === 'PAUSED' ? HELD_MS : Math.min(TURN_MS.max, Math.max(TURN_MS.min, ageMs));
}

/** Nobody works on a bulk job whose last step is longer ago. */
export const JOB_LEASE_MS = 30_000;
/** So many of a job's refusals keep their reason. */
export const REFUSALS_KEPT = 100;
/** Comes after the name of every consumer: where a job begins at its first message. */
export const AFTER_EVERYBODY = '\u{10ffff}';

/** Which verdict a row may hold: none, any, one of both, or this one. */
type Holds = 'none' | 'any' | 'one' | Verdict;

export const VERDICT_IN: Readonly<Record<DeliveryState, Holds>> = {
  pending: 'none',
  sent: 'none',
  cancelling: 'none',
  answered: 'one',
  parked: 'any',
  completed: 'accepted',
  compensated: 'rejected',
  delivered: 'none',
  discarded: 'any',
};

/** As much of a row as {@link isLegal} looks at. */
export interface Situation {
  readonly state: DeliveryState;
  readonly verdict: Verdict | undefined;
  readonly due: boolean;
  readonly leased: boolean;
  readonly settled: boolean;
}

/** May such a row be? Open rows are due, final ones settled, only what is due is leased, and verdicts belong to their states. */
export function isLegal({ state, verdict, due, leased, settled }: Situation): boolean {
  return (
    due === isOneOf(OPEN_STATES, state) &&
    settled === isOneOf(FINAL_STATES, state) &&
    (due || !leased) &&
    mayHold(state, verdict)
  );
}

function mayHold(state: DeliveryState, verdict: Verdict | undefined): boolean {
  const holds = VERDICT_IN[state];
  switch (holds) {
    case 'none':
      return verdict === undefined;
    case 'any':
      return true;
    case 'one':
      return verdict !== undefined;
    case 'accepted':
    case 'rejected':
      return verdict === holds;
    default:
      return holds satisfies never;
  }
}

/** The codes of what is done to a row by others than an attempt; one that is discarded keeps the code it was parked with. */
export const CODES = {
  cancelled: 'CANCEL_REQUESTED',
  paused: 'PAUSED',
  waitsItsTurn: 'WAITS_ITS_TURN',
  lateVerdict: 'LATE_VERDICT',
  followUpFailed: 'FOLLOW_UP_FAILED',
  followUpMissing: 'FOLLOW_UP_MISSING',
} as const;

/** Of a row that is held, and goes when it is sent. */
export const HOLD_CODES: readonly HoldCode[] = [CODES.paused, CODES.waitsItsTurn];

/** What stands before the older text of a row, and why. */
export const NOTES = {
  cancelled: (reason: string) => `${CODES.cancelled}: ${reason}`,
  discarded: (reason: string) => `DISCARDED: ${reason}`,
  lateVerdict: (verdict: Verdict, code: string | undefined) =>
    `${CODES.lateVerdict}: ${verdict}${code === undefined ? '' : ` (${code})`}`,
};

/** Between a new note and the older text of a row. */
export const OLDER = ' | ';

/** The text of a row with a new note: what is too much is cut off behind. */
export function noteBefore(note: string, older: string | undefined): string {
  return cut(older === undefined ? note : `${note}${OLDER}${older}`);
}

/** The text of a row that is parked; what it failed with before stands behind. */
export function parkedText(
  code: ParkCode,
  { code: before, lastError }: { code: string | undefined; lastError: string | undefined },
): string | undefined {
  if (before === code) return lastError;
  return cut(lastError === undefined ? code : `${code}: ${lastError}`);
}

/** As SQL's `left`: so many characters. Parts are in their bounds already, what is put together may not be. */
function cut(text: string): string {
  return [...text].slice(0, MAX_ERROR_TEXT).join('');
}

/** `includes`, for a list of some states. */
export function isOneOf(states: readonly DeliveryState[], state: DeliveryState): boolean {
  return states.includes(state);
}
