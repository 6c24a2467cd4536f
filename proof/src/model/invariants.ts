import { Invariant, Liveness, Property, StepInvariant } from './explorer';
import * as is from './state';
import { State } from './state';

type Safety = Omit<Invariant<State>, 'kind'>;

const invariants: Safety[] = [
  { id: 'I1', says: 'The consumer’s effect happens at most once.', holds: (s) => s.effects <= 1 },
  {
    id: 'I2',
    says: 'The consumer stores one verdict, and every verdict on its way back is that one.',
    holds: (s) =>
      s.verdictsStored <= 1 &&
      (!s.receiptAccepted || s.effects === 1) &&
      (!s.receiptRejected || (s.effects === 0 && s.verdictsStored === 1)),
  },
  {
    id: 'I3',
    says: 'Completed means: accepted, one effect, `@OnAccepted` ran once, nothing compensated.',
    holds: (s) =>
      s.delivery !== 'completed' ||
      (s.verdict === 'accepted' && s.effects === 1 && s.completions === 1 && s.compensations === 0),
  },
  {
    id: 'I4',
    says: 'Compensated means: rejected, no effect, `@Compensate` ran once.',
    holds: (s) =>
      s.delivery !== 'compensated' ||
      (s.verdict === 'rejected' &&
        s.verdictsStored === 1 &&
        s.effects === 0 &&
        s.compensations === 1 &&
        s.completions === 0),
  },
  {
    id: 'I5',
    says: 'A follow-up runs at most once.',
    holds: (s) => s.completions + s.compensations <= 1,
  },
  {
    id: 'I6',
    says: 'Never both an effect and a compensation (the goods and the refund).',
    holds: (s) => !(s.effects > 0 && s.compensations > 0),
  },
  {
    id: 'I7',
    says: 'No ghost: what was rolled back is never published.',
    holds: (s) => s.delivery !== 'rolledBack' || (!s.request && s.effects === 0),
  },
  {
    id: 'I8',
    says: 'No silent loss: a committed business change has its message row.',
    holds: (s) => s.delivery !== 'lost',
  },
  {
    id: 'I9',
    says: 'A row that waits for something by itself has a `next_at`, and only such a row; a verdict stands only where it may.',
    holds: (s) => !is.rowExists(s) || (is.isOpen(s.delivery) === s.nextAt && mayHoldVerdict(s)),
  },
  { id: 'I10', says: 'A verdict that arrives is never swallowed.', holds: (s) => !s.verdictSwallowed },
];

function mayHoldVerdict({ delivery, verdict }: State): boolean {
  return verdict === 'none' || ['answered', 'parked', 'completed', 'compensated', 'discarded'].includes(delivery);
}

const stepInvariants: Omit<StepInvariant<State>, 'kind'>[] = [
  {
    id: 'I11',
    says: 'A final state is final.',
    watches: ['delivery'],
    holds: (before, after) => !is.isFinal(before.delivery) || after.delivery === before.delivery,
  },
  {
    id: 'I12',
    says: 'A recorded verdict never changes.',
    watches: ['verdict'],
    holds: (before, after) => before.verdict === 'none' || after.verdict === before.verdict,
  },
  {
    id: 'I13',
    says: 'Parked is left only by a person or by a verdict, and only by a person once it has a verdict.',
    watches: ['delivery'],
    holds: (before, after, kind) =>
      before.delivery !== 'parked' ||
      after.delivery === 'parked' ||
      kind === 'person' ||
      (before.verdict === 'none' && ['completed', 'compensated', 'answered'].includes(after.delivery)),
  },
  {
    id: 'I14',
    says: 'A row that was asked to cancel never publishes its message again.',
    watches: ['delivery'],
    holds: (before, after) => !before.cancelAsked || !is.isUnderway(after),
  },
];

const decided = (s: State) => s.delivery === 'completed' || s.delivery === 'compensated';

const liveness: Omit<Liveness<State>, 'kind'>[] = [
  {
    id: 'L1',
    says: 'Every committed message can end or park.',
    by: ['producer', 'exchange'],
    when: (s) => is.rowExists(s),
    goal: (s) => is.isFinal(s.delivery) || s.delivery === 'parked',
  },
  {
    id: 'L2',
    says: 'An open row of a young message can get its verdict by itself.',
    by: ['producer', 'exchange'],
    when: (s) => is.isOpen(s.delivery) && s.age === 'young' && !s.handlerRemoved,
    goal: decided,
  },
  {
    id: 'L3',
    says: 'A parked row of a young message can get its verdict after a retry.',
    by: ['producer', 'exchange', 'person'],
    when: (s) => s.delivery === 'parked' && s.age === 'young' && !s.handlerRemoved,
    goal: decided,
  },
  {
    id: 'L4',
    says: 'A cancelling row of a young message ends, even if the consumer lost its handler.',
    by: ['producer', 'exchange'],
    when: (s) => s.delivery === 'cancelling' && s.age === 'young',
    goal: decided,
  },
  {
    id: 'L5',
    says: 'While the consumer keeps a verdict, an open row can still learn it.',
    by: ['producer', 'exchange'],
    when: (s) => is.isOpen(s.delivery) && (s.inbox === 'accepted' || s.inbox === 'rejected'),
    goal: decided,
  },
  {
    id: 'L6',
    says: 'A verdict that is on the row can be finished without the consumer.',
    by: ['producer', 'refused', 'person'],
    when: (s) => s.verdict !== 'none' && !is.isFinal(s.delivery),
    goal: decided,
  },
  {
    id: 'L7',
    says: 'A parked row of a young message can be ended with a verdict, handler or not.',
    by: ['producer', 'exchange', 'person'],
    when: (s) => s.delivery === 'parked' && s.age === 'young',
    goal: decided,
  },
];

/** What must never happen (I1–I14), and what must always stay possible (L1–L7). */
export const PROPERTIES: readonly Property<State>[] = [
  ...invariants.map((property) => ({ ...property, kind: 'invariant' as const })),
  ...stepInvariants.map((property) => ({ ...property, kind: 'step invariant' as const })),
  ...liveness.map((property) => ({ ...property, kind: 'liveness' as const })),
];
