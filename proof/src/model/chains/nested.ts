import { SideRemoval } from '../chapters';
import { Model, Step } from '../explorer';
import { deploySteps, Hop, hopSteps, more, Reaction, stockHop, Verdict } from './hop';
import { Change, FIELDS, INITIAL, State } from './state';

/** A verdict that waits for the next one's, as switches. */
export const NESTED_RULES = {
  storedUndecided: 'The undecided row, the work, and the message that its verdict waits for commit together.',
  notRunAgain: 'A copy that finds an undecided row runs no handler.',
  decidedWithClose:
    'The verdict is stored in the transaction that closes the delivery it waits for, with the compensation.',
  askedOn: 'Whoever heard *deferred* asks again; the verdict is sent when it falls, and that may be lost.',
  cancelTravels: 'A CANCEL that finds an undecided row is handed down.',
  cancelWaits: 'It is not answered before what it was handed to has answered.',
  notPruned: 'An undecided row is not pruned, however old it is.',
  discardDecides: 'Whoever discards what a verdict waits for has to give the verdict.',
  oneMessage: 'It waits for one message, not for several.',
} as const;

export type NestedRule = keyof typeof NESTED_RULES;

const WAITS = 'The row stays undecided, and whoever asks hears *deferred*.';

export const NESTED_REMOVALS: readonly SideRemoval<NestedRule>[] = [
  { id: 'N1', without: ['storedUndecided'], breaks: 'PC4', thereafter: WAITS },
  { id: 'N2', without: ['notRunAgain'], breaks: 'PC2' },
  { id: 'N3', without: ['decidedWithClose'], breaks: 'PC4', thereafter: WAITS },
  { id: 'N4', without: ['askedOn'], breaks: 'PC4', thereafter: 'The verdict is there; nobody asks for it.' },
  { id: 'N5', without: ['cancelTravels'], breaks: 'PC6', thereafter: WAITS },
  { id: 'N6', without: ['cancelWaits'], breaks: 'PC1' },
  {
    id: 'N7',
    without: ['notPruned'],
    breaks: 'PC4',
    thereafter: 'Without a row the message is too old to be executed, and its CANCEL too old to be answered (R14).',
  },
  { id: 'N8', without: ['discardDecides'], breaks: 'PC5', thereafter: WAITS },
  { id: 'N9', without: ['oneMessage'], breaks: 'PC1' },
];

/** user-service asks order-service, whose verdict is that of stock-service. */
export function nested(without: readonly NestedRule[] = []): Model<typeof FIELDS> {
  const keeps = (rule: NestedRule): boolean => !without.includes(rule);
  const hops = [orderHop(keeps), waitedFor('stock', keeps), waitedFor('third', keeps)];
  return {
    fields: FIELDS,
    initial: INITIAL,
    steps(s, step) {
      for (const hop of hops) hopSteps(s, step, hop);
      deploySteps(s, step);
      if (!keeps('notPruned') && s.orderInbox === 'undecided')
        step('time', 'The undecided row is pruned: it is older than the horizon.', {
          orderInbox: 'none',
          pruned: true,
        });
      memorySteps(s, step, keeps);
    },
  };
}

type Keeps = (rule: NestedRule) => boolean;

function orderHop(keeps: Keeps): Hop {
  return {
    ...{ name: 'order', from: 'user-service', to: 'order-service', givenUp: true },
    handle: (s) => [
      { says: 'it says no', does: { orderInbox: 'rejected' }, answer: 'rejected' },
      { says: 'the order is opened, *undecided*', does: opens(s, keeps), answer: 'deferred' },
    ],
    follow: (_, verdict) => ({ purchase: verdict === 'accepted' ? 'completed' : 'rejected' }),
    undecided: (s, asked) => (asked === 'message' ? askedAgain(s, keeps) : askedToGiveUp(s, keeps)),
    ...(!keeps('askedOn') && { deferred: { silent: true } }),
  };
}

/** The message that the verdict waits for, or those. */
function waitsFor(keeps: Keeps): Change {
  return { stockRow: 'pending', ...(!keeps('oneMessage') && { thirdRow: 'pending' }) };
}

function opens(s: State, keeps: Keeps): Change {
  const next: Change = keeps('storedUndecided') ? waitsFor(keeps) : { inMemory: 'next' };
  return { orderInbox: 'undecided', opened: more(s.opened), ...next };
}

function askedAgain(s: State, keeps: Keeps): Reaction {
  if (keeps('notRunAgain')) return { says: 'it is *undecided*', does: {}, answer: 'deferred' };
  return { says: 'the order is opened again', does: { opened: more(s.opened) }, answer: 'deferred' };
}

function askedToGiveUp(s: State, keeps: Keeps): Reaction {
  if (!keeps('cancelWaits')) {
    const does: Change = { orderInbox: 'rejected', closed: more(s.closed) };
    return { says: 'the order is closed, on its own authority', does, answer: 'rejected' };
  }
  if (!keeps('cancelTravels')) return { says: 'it is *undecided*', does: {}, answer: 'deferred' };
  const givenUp = (row: State['stockRow']) => (row === 'pending' || row === 'parked' ? 'cancelling' : row);
  const does: Change = { stockRow: givenUp(s.stockRow), thirdRow: givenUp(s.thirdRow) };
  return { says: 'handed down, not answered', does, answer: undefined };
}

function waitedFor(name: 'stock' | 'third', keeps: Keeps): Hop {
  const follow: Hop['follow'] = (s, verdict) => decides(s, name, verdict, keeps);
  const discardIsMute = !keeps('discardDecides');
  if (name === 'stock') return { ...stockHop('order-service', follow), discardIsMute };
  return {
    ...{ name, called: 'parcel', from: 'order-service', to: 'parcel-service', givenUp: true, follow, discardIsMute },
    handle: () => [
      { says: 'the parcel is booked', does: { thirdInbox: 'accepted' }, answer: 'accepted' },
      { says: 'nobody delivers there', does: { thirdInbox: 'rejected' }, answer: 'rejected' },
    ],
  };
}

/** The last one that is closed decides: accepted, if all are. */
function decides(s: State, name: 'stock' | 'third', verdict: Verdict, keeps: Keeps): Change {
  const other = s[name === 'stock' ? 'thirdRow' : 'stockRow'];
  if (other === 'pending' || other === 'cancelling' || other === 'parked') return {};
  const all = verdict === 'accepted' && other !== 'compensated' ? 'accepted' : 'rejected';
  if (keeps('decidedWithClose')) return decided(s, all);
  return { inMemory: all === 'accepted' ? 'accept' : 'reject' };
}

/** The receipt goes out at once; that it may be lost is a step of the broker. */
function decided(s: State, verdict: Verdict): Change {
  if (s.orderInbox !== 'undecided') return {};
  return {
    orderInbox: verdict,
    orderReceipt: verdict,
    ...(verdict === 'rejected' && { closed: more(s.closed) }),
  };
}

function memorySteps(s: State, step: Step<State>, keeps: Keeps): void {
  if (s.inMemory === 'none') return;
  const gone: Change = { inMemory: 'none' };
  step('fault', 'order-service dies between its two transactions.', gone);
  switch (s.inMemory) {
    case 'next':
      return step('producer', 'order-service records *stock*.', gone, waitsFor(keeps));
    case 'accept':
    case 'reject':
      return step('producer', 'order-service stores its verdict.', gone, decided(s, `${s.inMemory}ed`));
    default:
      return s.inMemory satisfies never;
  }
}
