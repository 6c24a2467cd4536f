import { SideRemoval } from '../chapters';
import { Model } from '../explorer';
import { deploySteps, Hop, hopSteps, more, stockHop } from './hop';
import { Change, FIELDS, INITIAL, State } from './state';

/** What whoever writes the saga has to do, as switches; of the library it needs R1–R16 and nothing else. */
export const ORCHESTRATION_RULES = {
  nextWithClose: 'The next message is recorded in the transaction that closes the one before.',
  neverAssumed: 'A step that does not answer is asked to give up; it is not taken for a no.',
  undoneFirst: 'The refund waits until the order is closed.',
  undoNeverRefuses: 'An undo never says no.',
} as const;

export type OrchestrationRule = keyof typeof ORCHESTRATION_RULES;

export const ORCHESTRATION_REMOVALS: readonly SideRemoval<OrchestrationRule>[] = [
  { id: 'O1', without: ['nextWithClose'], breaks: 'PC4', thereafter: 'No delivery is open, and the purchase is.' },
  { id: 'O2', without: ['neverAssumed'], breaks: 'PC1' },
  { id: 'O3', without: ['undoneFirst'], breaks: 'PC1' },
  {
    id: 'O4',
    without: ['undoNeverRefuses'],
    breaks: 'PC4',
    thereafter: 'The order cannot be closed, and nobody has a next step.',
  },
];

/** user-service asks order-service, then stock-service, and if that says no, order-service to undo: the saga of the lab. */
export function orchestrated(without: readonly OrchestrationRule[] = []): Model<typeof FIELDS> {
  const keeps = (rule: OrchestrationRule): boolean => !without.includes(rule);
  const assumes = !keeps('neverAssumed');
  const order: Hop = {
    ...{ name: 'order', from: 'user-service', to: 'order-service', givenUp: true, assumes },
    handle: (s) => [
      { says: 'it says no', does: { orderInbox: 'rejected' }, answer: 'rejected' },
      { says: 'the order is opened', does: { orderInbox: 'accepted', opened: more(s.opened) }, answer: 'accepted' },
    ],
    follow(_, verdict) {
      if (verdict === 'rejected') return { purchase: 'rejected' };
      return keeps('nextWithClose') ? { stockRow: 'pending' } : { inMemory: 'next' };
    },
  };
  const stock: Hop = {
    ...stockHop('user-service', (_, verdict): Change => {
      if (verdict === 'accepted') return { purchase: 'completed' };
      return { thirdRow: 'pending', ...(!keeps('undoneFirst') && { purchase: 'rejected' }) };
    }),
    assumes,
  };
  const undo: Hop = {
    ...{ name: 'third', called: 'undo', from: 'user-service', to: 'order-service', givenUp: false },
    handle: (s) => [
      { says: 'the order is closed', does: { thirdInbox: 'accepted', closed: more(s.closed) }, answer: 'accepted' },
      ...(keeps('undoNeverRefuses')
        ? []
        : [{ says: 'it says no', does: { thirdInbox: 'rejected' } as const, answer: 'rejected' as const }]),
    ],
    follow: (_, verdict) => (verdict === 'accepted' ? { purchase: 'rejected' } : {}),
  };
  return {
    fields: FIELDS,
    initial: INITIAL,
    steps(s: State, step) {
      for (const hop of [order, stock, undo]) hopSteps(s, step, hop);
      deploySteps(s, step);
      if (s.inMemory === 'none') return;
      step('producer', 'user-service records *stock*.', { inMemory: 'none', stockRow: 'pending' });
      step('fault', 'user-service dies between its two transactions.', { inMemory: 'none' });
    },
  };
}
