/**
 * What the one who did the local work says of it.
 * - `committed`: it is done, and stays done.
 * - `rolled back`: it is not done, **and never will be**. Who says so has made sure of it (a barrier that a late transaction
 *   runs into, or the effect closed at the one who keeps it). "I did not find it" is not that.
 * - `not known yet`: it may still be under way. The question comes again.
 */
export type CheckAnswer = 'committed' | 'rolled back' | 'not known yet';

/** As much of a half message as its fate depends on. */
export interface Undecided {
  /** How often it was asked about before. */
  readonly checks: number;
  readonly ageMs: number;
}

export interface Limits {
  /** How many pauses there are; the last one is repeated. */
  readonly pauses: number;
  readonly maxChecks: number;
  /** An older one is shown to nobody by itself: what remembers that it was shown already may be pruned by now. */
  readonly maxAgeMs: number;
}

/** Why a half message waits for a person. */
export type ParkCode = 'NOT_KNOWN' | 'TOO_OLD' | 'UNREADABLE';

/** What becomes of a half message. */
export type Decision =
  /** It becomes a message like any other. */
  | { readonly kind: 'show' }
  | { readonly kind: 'forget' }
  /** After the pause with this number. */
  | { readonly kind: 'ask again'; readonly pause: number }
  | { readonly kind: 'park'; readonly code: ParkCode };

export function decide(answer: CheckAnswer, { checks, ageMs }: Undecided, limits: Limits): Decision {
  switch (answer) {
    case 'committed':
      return ageMs > limits.maxAgeMs ? { kind: 'park', code: 'TOO_OLD' } : { kind: 'show' };
    case 'rolled back':
      return { kind: 'forget' };
    case 'not known yet':
      if (checks + 1 >= limits.maxChecks) return { kind: 'park', code: 'NOT_KNOWN' };
      return { kind: 'ask again', pause: Math.min(checks + 1, limits.pauses - 1) };
    default:
      return answer satisfies never;
  }
}
