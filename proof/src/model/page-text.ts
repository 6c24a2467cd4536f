/** What the states of a delivery mean, in the order in which it meets them. */
export const STATES: Readonly<Record<string, string>> = {
  pending: 'recorded; to be published',
  sent: 'the broker confirmed it; the verdict is outstanding',
  cancelling: 'the producer has asked to give up; the consumer decides',
  answered: 'the verdict is here, its local follow-up is still due',
  parked: 'needs a person; nothing happens by itself',
  completed: 'accepted, and followed up ∎',
  compensated: 'rejected, and compensated once ∎',
  discarded: 'a person took the responsibility ∎',
};

/** What this model cannot say, why, and what does. */
export const LIMITS: readonly (readonly [what: string, why: string])[] = [
  [
    'The code',
    'This is a model of the protocol. That the code behaves like it is the business of the simulation, the crash matrix and the integration tests.',
  ],
  [
    'R1, truthful `next_at`',
    'Without a clock, *when* a row is due cannot be wrong. The token’s share of R1 therefore shows up as S2, for speed.',
  ],
  [
    'R6, batches',
    'A batch of receipts is one statement in PostgreSQL; the model applies receipts one by one. Tests against the database cover it.',
  ],
  [
    'R8, CANCEL has a queue of its own; *rejected (DEADLINE)*',
    'Copies and CANCELs arrive in every order already, so overtaking only makes an allowed order likely. A DEADLINE rejection is a rejection.',
  ],
  ['R9, CLOCK', 'A message from the future needs a clock. It is refused because it would outlive its inbox row.'],
  [
    'R11, R5 and bundles',
    'The worlds of requests know one message. Copies that are delivered, lost or repeated together are explored with two, in [messages that travel together](#messages-that-travel-together).',
  ],
  [
    'R10, `add` outside a transaction or with an id that exists',
    'Both throw before anything is written, so there is no state to explore.',
  ],
  [
    'R12, 40001 and 40P01 retried in process; the silent twin',
    'To the model a retry in process is a transaction that takes longer. The twin is in the arithmetic above.',
  ],
  [
    'R14, *ID_COLLISION* and invalid envelopes',
    'Invalid envelopes are not modelled; two messages with one id only where the adversary makes the second.',
  ],
  [
    'Matching of attempts',
    'Attempts are not counted: here a *deferred* or *unprocessable* of any attempt may move an open row, at any time, and nothing breaks. An unknown type that is put off first does what a *deferred* does. The real rule moves fewer rows, for the sake of pace. That attempts start anew for a cancelling or answered row is pace, too.',
  ],
  [
    'The price of `discard`',
    'Discarding leaves the promise on purpose: a copy may still be executed, a rejection is no longer compensated. The model checks only that a verdict that arrives later is recorded (T16).',
  ],
  [
    'Other transports, group commit',
    'The direct transport is this protocol without *sent* and with fewer orders. A group commit is a transaction that contains several of these.',
  ],
];
