/** What happened to a delivery that does not happen to most. */
export type Occurrence =
  /** An attempt came to nothing: routed to nobody, refused, or nobody knows. */
  | 'send-failed'
  /** The consumer could not process it yet. */
  | 'deferred'
  /** The verdict is known; `@OnAccepted` or `@Compensate` threw, or this process has none. */
  | 'follow-up-failed'
  /** From here on the consumer is asked to give it up. */
  | 'deadline-passed'
  /** Nothing more happens by itself. */
  | 'parked'
  | 'retried'
  | 'cancel-requested'
  | 'discarded'
  /** A verdict came that contradicts the stored one, or after the delivery was discarded. */
  | 'late-verdict';

/** What happened, without when. */
export interface Happening {
  readonly what: Occurrence;
  /** The attempt that it happened to, in its phase; undefined where it was none. */
  readonly attempt?: number | undefined;
  /** What the delivery's `code` became with it. */
  readonly code?: string | undefined;
  /** The error, or the reason that somebody gave. */
  readonly why?: string | undefined;
  /** Who, as told by the caller: nobody has checked it. */
  readonly by?: string | undefined;
}

/** A line of a delivery's history. What happens again right after itself, with the same code, stays one line. */
export interface HistoryEntry<Time = string> extends Happening {
  /** From 1 on. Where numbers are missing, entries were left out. */
  readonly number: number;
  /** When it happened last, of `times`, and first. */
  readonly at: Time;
  readonly since: Time;
  readonly times: number;
}

/**
 * A history is bounded, whatever happens for however long: how the trouble began and how it goes on are kept, and of what is
 * between, with its number, nothing. What fails the same way a thousand times is one entry to begin with.
 */
export const KEPT = { first: 10, last: 20 } as const;

/** A history with one happening more. Stores in SQL do the same in the statement that moves the row. */
export function withHappening<Time>(
  entries: readonly HistoryEntry<Time>[],
  happening: Happening,
  now: Time,
): HistoryEntry<Time>[] {
  const last = entries.at(-1);
  if (last?.what === happening.what && last.code === happening.code) {
    const { number, since, times } = last;
    return [...entries.slice(0, -1), { ...happening, number, at: now, since, times: times + 1 }];
  }
  const added = { ...happening, number: (last?.number ?? 0) + 1, at: now, since: now, times: 1 };
  const full = entries.length >= KEPT.first + KEPT.last;
  return [...(full ? [...entries.slice(0, KEPT.first), ...entries.slice(KEPT.first + 1)] : entries), added];
}
