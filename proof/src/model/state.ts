import { StateOf } from './codec';
import { Step } from './explorer';
import { Rules } from './rules';

/**
 * Everything the model knows about one request message with one consumer, and every value each fact may have.
 *
 * Three abstractions keep it finite, and none of them hides a behaviour:
 * - The broker holds a *set* of kinds of copies. A delivery may leave its copy in place, which is at once a duplicate, a
 *   redelivery and a crash before the ack; losing a copy is a step of its own; and any copy may arrive at any later time,
 *   so a publish that was believed to have failed may still land.
 * - There is no clock. `nextAt` is set or not, and a set one may come due at any moment: every lease may end at every
 *   moment, as if a process could be paused for longer than its lease between any two of its steps.
 * - Attempts are not counted: a row that is due may at any time have had its last one.
 */
export const FIELDS = {
  // The twins come first: swapping them touches one machine word.
  relayA: ['idle', 'holds', 'published', 'refused', 'holdsCancel', 'holdsFollowUp'],
  relayB: ['idle', 'holds', 'published', 'refused', 'holdsCancel', 'holdsFollowUp'],
  /** Whose lease token is on the row. */
  lease: ['none', 'recorder', 'relayA', 'relayB'],
  /** The process that recorded the message: it publishes once, from memory (the hand-off). */
  recorder: ['idle', 'holds', 'published', 'refused'],

  /** The delivery row: before it exists, then the states of a delivery. `lost` is a business change without its row. */
  delivery: [
    ...(['none', 'recording', 'rolledBack', 'lost'] as const),
    ...(['pending', 'sent', 'answered', 'cancelling', 'parked'] as const),
    ...(['completed', 'compensated', 'discarded'] as const),
  ],
  /** Is `next_at` set, so that somebody will look at the row again by itself? */
  nextAt: [false, true],
  verdict: ['none', 'accepted', 'rejected'],
  /** Does the row or its service know of the follow-up? Moves only where a recorder may be ignorant, or early. */
  followUpKnown: [true, false],
  /** A deadline passed or `cancel(id)` was called. */
  cancelAsked: [false, true],
  /** The attempts are used up for good; moves only where a retry does not reset them. */
  attemptsSpent: [false, true],

  // What the broker holds
  request: [false, true],
  cancel: [false, true],
  receiptAccepted: [false, true],
  receiptRejected: [false, true],
  receiptDeferred: [false, true],
  receiptUnprocessable: [false, true],
  receiptExpired: [false, true],

  // The consumer: its inbox row (`unprocessable` only where R14 is removed) and a transaction that is half way
  inbox: ['none', 'accepted', 'rejected', 'unprocessable'],
  consumer: ['idle', 'effectCommitted', 'rejecting'],
  handlerRemoved: [false, true],
  /** A receipt applier whose follow-up threw: rolled back, about to store this verdict as *answered*. */
  applier: ['idle', 'accepted', 'rejected'],
  /** The age of the message, as far as anybody asks for it. */
  age: ['young', 'pastHorizon'],
  /** How old the message was when a copy says it was recorded; moves only where copies carry a time of their own. */
  copyRecorded: ['young', 'pastHorizon'],

  // What happened, for the invariants: no step of the protocol reads these
  businessCommitted: [false, true],
  effects: [0, 1, 2],
  verdictsStored: [0, 1, 2],
  completions: [0, 1, 2],
  compensations: [0, 1, 2],
  followUpCommitted: [false, true],
  verdictSwallowed: [false, true],
} as const;

export type State = StateOf<typeof FIELDS>;
export type Change = Partial<State>;
export type Delivery = State['delivery'];
export type Verdict = 'accepted' | 'rejected';
/** Anybody who can hold a lease. */
export type Relay = 'recorder' | 'relayA' | 'relayB';

/** Nothing has happened yet. */
export const INITIAL: State = {
  ...{ relayA: 'idle', relayB: 'idle', lease: 'none', recorder: 'idle' },
  ...{
    delivery: 'none',
    nextAt: false,
    verdict: 'none',
    followUpKnown: true,
    cancelAsked: false,
    attemptsSpent: false,
  },
  ...{ request: false, cancel: false, receiptAccepted: false, receiptRejected: false },
  ...{ receiptDeferred: false, receiptUnprocessable: false, receiptExpired: false },
  ...{ inbox: 'none', consumer: 'idle', handlerRemoved: false, applier: 'idle', age: 'young', copyRecorded: 'young' },
  ...{ businessCommitted: false, effects: 0, verdictsStored: 0 },
  ...{ completions: 0, compensations: 0, followUpCommitted: false, verdictSwallowed: false },
};

/** How much of the world takes part. Small worlds are explored in a second and show most counterexamples. */
export interface World {
  readonly relays: 1 | 2;
  /** The recorder publishes its fresh row from memory. Without it the row is due at once, and a relay claims it. */
  readonly handsOff: boolean;
  /** The message may grow older than the horizon, and its inbox row may be pruned. */
  readonly ages: boolean;
  /** A deploy may take the handler away from the consumer, and another may bring it back. */
  readonly deploys: boolean;
  /** The consumer contradicts itself (restored from a backup, say), or somebody forges receipts. */
  readonly contradictions: boolean;
}

/** What a group of steps works with. */
export interface Turn {
  readonly state: State;
  readonly rules: Rules;
  readonly world: World;
  readonly step: Step<State>;
}

const OPEN: ReadonlySet<Delivery> = new Set(['pending', 'sent', 'answered', 'cancelling']);
const FINAL: ReadonlySet<Delivery> = new Set(['completed', 'compensated', 'discarded']);

/** Something more will happen to the row by itself. */
export const isOpen = (delivery: Delivery): boolean => OPEN.has(delivery);
/** The row has come to its end (∎ in the diagram of states). */
export const isFinal = (delivery: Delivery): boolean => FINAL.has(delivery);
/** The row is committed and can be found. */
export const rowExists = ({ delivery }: State): boolean =>
  isOpen(delivery) || isFinal(delivery) || delivery === 'parked';
/** The message itself may still be published: it is neither decided nor being given up. */
export const isUnderway = ({ delivery }: State): boolean => delivery === 'pending' || delivery === 'sent';
/** R6: the row may still take a verdict. A parked row may only if it has none yet. */
export const awaitsVerdict = ({ delivery, verdict }: State): boolean =>
  delivery === 'pending' ||
  delivery === 'sent' ||
  delivery === 'cancelling' ||
  (delivery === 'parked' && verdict === 'none');

/** One more, but "twice" is as bad as it gets. */
export const oneMore = (count: 0 | 1 | 2): 0 | 1 | 2 => (count === 0 ? 1 : 2);

/** R1: every transition that is not a mark takes the lease away from whoever holds it. */
export const clearLease = (rules: Rules): Change => (rules.transitionsClearLease ? { lease: 'none' } : {});

/** The local follow-up of a verdict: `@OnAccepted` or `@Compensate`. */
export function followUp(state: State, verdict: Verdict): Change {
  return verdict === 'accepted'
    ? { completions: oneMore(state.completions) }
    : { compensations: oneMore(state.compensations) };
}

/** The final state that a verdict leads to. */
export function closed(rules: Rules, verdict: Verdict): Change {
  const delivery = verdict === 'accepted' ? 'completed' : 'compensated';
  return { delivery, verdict, nextAt: false, ...clearLease(rules) };
}

/** The verdict is on the row, and its follow-up is still due. */
export function answered(rules: Rules, verdict: Verdict): Change {
  return { delivery: 'answered', verdict, nextAt: true, ...clearLease(rules) };
}

/** A person has to look at the row. */
export function parked(rules: Rules): Change {
  return { delivery: 'parked', nextAt: false, ...clearLease(rules) };
}
