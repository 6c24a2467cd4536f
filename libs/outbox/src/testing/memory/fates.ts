import type { PublishOutcome } from '../../message/delivery';
import type { WireEnvelope } from '../../message/envelope';

/** An envelope on its way through the broker. */
export interface Passage {
  readonly exchange: 'requests' | 'announcements' | 'receipts';
  readonly routingKey: string;
  readonly wire: WireEnvelope;
}

/** What becomes of one publish. What the publisher is told and what really happens are two things. */
export interface Fate {
  readonly outcome: PublishOutcome;
  /** When the publisher is told. */
  readonly afterMs: number;
  /** When each copy reaches its queue: none is a loss, two are a duplicate, a long time is a late delivery. */
  readonly copiesAfterMs: readonly number[];
}

/** Asked at every publish. `undefined`: as it should be. */
export type FaultPlan = (passage: Passage) => Fate | undefined;

/** The ways a publish can go. Different delays of two publishes reorder them. */
export const fates = {
  fine: (afterMs = 0): Fate => ({ outcome: { kind: 'confirmed' }, afterMs, copiesAfterMs: [afterMs] }),
  /** Confirmed, then lost by the broker. */
  lost: (): Fate => ({ outcome: { kind: 'confirmed' }, afterMs: 0, copiesAfterMs: [] }),
  duplicated: (againAfterMs = 0): Fate => ({
    outcome: { kind: 'confirmed' },
    afterMs: 0,
    copiesAfterMs: [0, againAfterMs],
  }),
  delayed: (ms: number): Fate => ({ outcome: { kind: 'confirmed' }, afterMs: 0, copiesAfterMs: [ms] }),
  returned: (): Fate => ({ outcome: { kind: 'returned' }, afterMs: 0, copiesAfterMs: [] }),
  refused: (error = 'resource alarm'): Fate => ({
    outcome: { kind: 'refused', error },
    afterMs: 0,
    copiesAfterMs: [],
  }),
  /** The connection broke before the confirm: the publisher cannot tell whether it arrived, or will. */
  unknown: (...copiesAfterMs: number[]): Fate => ({
    outcome: { kind: 'unknown', error: 'connection lost' },
    afterMs: 0,
    copiesAfterMs,
  }),
  /** Not even the connection breaks: the publisher's own time-out ends the wait. */
  silent: (): Fate => ({
    outcome: { kind: 'unknown', error: 'no answer' },
    afterMs: 3_600_000,
    copiesAfterMs: [],
  }),
  unavailable: (): Fate => ({ outcome: { kind: 'unavailable' }, afterMs: 0, copiesAfterMs: [] }),
} as const;
