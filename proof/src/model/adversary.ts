import { SideRemoval } from './chapters';
import { StateOf } from './codec';
import { Model, Property, Step } from './explorer';

/** What keeps others from speaking for a service, as switches, as in `rules.ts`. */
export const ADVERSARY_RULES = {
  messagesAreChecked: 'A message is taken only as its source signed it, or only from its source’s broker user.',
  cancelsAreChecked: 'A CANCEL is taken only as its source signed it, or only from its source’s broker user.',
  receiptsAreChecked: 'A receipt is taken only as its consumer signed it, or only from its consumer’s broker user.',
  replyToIsSource: 'A message may ask for the receipts of its source only.',
  answerNamesContent: 'A receipt names the content that was judged; one about other content changes nothing.',
  queueYieldsOwnKind: 'A queue yields only what it is for, whatever an envelope says it is.',
  idsAreTheSources: 'The inbox knows a message by its source and id: nobody uses up the ids of others.',
} as const;

export type AdversaryRule = keyof typeof ADVERSARY_RULES;

/** Each check removed, and the property that breaks. V5 and V6 stand behind another check, which falls first. */
export const ADVERSARY_REMOVALS: readonly SideRemoval<AdversaryRule>[] = [
  { id: 'V1', without: ['messagesAreChecked'], breaks: 'PV2' },
  { id: 'V1a', without: ['messagesAreChecked'], breaks: 'PV3' },
  { id: 'V2', without: ['cancelsAreChecked'], breaks: 'PV2' },
  { id: 'V3', without: ['receiptsAreChecked'], breaks: 'PV2' },
  { id: 'V3a', without: ['receiptsAreChecked'], breaks: 'PV1' },
  { id: 'V4', without: ['replyToIsSource'], breaks: 'PV1' },
  { id: 'V5', without: ['messagesAreChecked', 'answerNamesContent'], breaks: 'PV1' },
  { id: 'V6', without: ['messagesAreChecked', 'queueYieldsOwnKind'], breaks: 'PV4' },
  { id: 'V7', without: ['idsAreTheSources'], breaks: 'PV5' },
];

const FIELDS = {
  /** Where the adversary may write. He reads everything. */
  adversary: ['undecided', 'everywhere', 'receipts only'],
  row: ['pending', 'completed', 'compensated', 'parked'],
  /** The producer has asked to give up. */
  asked: [false, true],
  copy: [false, true],
  /** What the consumer’s row for this id says: of the message, of one with other content, of the adversary’s own. */
  inbox: ['none', 'accepted', 'rejected', 'too late', 'cancelled', 'other content', 'other source'],
  ordered: [false, true],
  /** An order that nobody recorded. */
  orderedOther: [false, true],
  receipt: ['none', 'accepted', 'accepted other', 'rejected', 'collision'],
} as const;

type State = StateOf<typeof FIELDS>;

export const ADVERSARY_PROPERTIES: readonly Property<State>[] = [
  {
    kind: 'invariant',
    id: 'PV1',
    says: 'A completed row has its own order.',
    holds: (s) => s.row !== 'completed' || s.ordered,
  },
  {
    kind: 'invariant',
    id: 'PV2',
    says: 'A compensated row has no order, and was rejected by the consumer or given up by the producer.',
    holds: (s) =>
      s.row !== 'compensated' || (!s.ordered && (s.inbox === 'rejected' || (s.inbox === 'cancelled' && s.asked))),
  },
  {
    kind: 'invariant',
    id: 'PV3',
    says: 'Nothing is ordered in the producer’s name that it did not record.',
    holds: (s) => !s.orderedOther,
  },
  {
    kind: 'invariant',
    id: 'PV4',
    says: 'Who may only write receipts orders nothing.',
    holds: (s) => s.adversary !== 'receipts only' || !s.orderedOther,
  },
  {
    kind: 'liveness',
    id: 'PV5',
    says: 'The row can end, and waits for no person.',
    by: ['producer', 'exchange'],
    when: () => true,
    goal: (s) => s.row === 'completed' || s.row === 'compensated',
  },
];

/**
 * One purchase, one consumer, and somebody at the broker who reads, copies, alters, invents and reorders what he likes,
 * has a broker user of his own, and neither the keys nor the users of the two services. Copies of genuine envelopes are
 * the business of R1–R16, which do not care who made them.
 */
export function adversary(without: readonly AdversaryRule[] = []): Model<typeof FIELDS> {
  const keeps = (rule: AdversaryRule): boolean => !without.includes(rule);
  return {
    fields: FIELDS,
    initial: {
      ...{ adversary: 'undecided', row: 'pending', asked: false, copy: false, inbox: 'none' },
      ...{ ordered: false, orderedOther: false, receipt: 'none' },
    },
    steps(s, step) {
      producerSteps(s, keeps, step);
      consumerSteps(s, step);
      adversarySteps(s, keeps, step);
    },
  };
}

type Keeps = (rule: AdversaryRule) => boolean;

function producerSteps(s: State, keeps: Keeps, step: Step<State>): void {
  if (s.row === 'pending' && !s.copy) step('producer', 'The relay publishes the message.', { copy: true });
  if (s.row === 'pending' && !s.asked)
    step('time', 'The deadline passes: the producer asks to give up.', { asked: true });
  if (s.receipt === 'none') return;
  const open = s.row === 'pending' || s.row === 'parked';
  const arrives = (what: string, change: Partial<State>): void =>
    step('exchange', `The receipt arrives: ${what}.`, open ? change : {}, { receipt: 'none' });
  switch (s.receipt) {
    case 'accepted':
      return arrives('accepted, the row is completed', { row: 'completed' });
    case 'accepted other':
      return keeps('answerNamesContent')
        ? arrives('accepted, but about other content: nothing changes', {})
        : arrives('accepted, the row is completed', { row: 'completed' });
    case 'rejected':
      return arrives('rejected, the row is compensated', { row: 'compensated' });
    case 'collision':
      return arrives('this id has other content there, the row is parked', { row: 'parked' });
    default:
      return s.receipt satisfies never;
  }
}

function consumerSteps(s: State, step: Step<State>): void {
  if (s.copy) {
    const gone = { copy: false } as const;
    if (s.inbox === 'none') {
      step('exchange', 'The message arrives and is accepted.', gone, {
        ...{ inbox: 'accepted', ordered: true, receipt: 'accepted' },
      });
      step('exchange', 'The message arrives and is rejected.', gone, { inbox: 'rejected', receipt: 'rejected' });
    } else {
      const receipt = s.inbox === 'other content' ? 'collision' : replayed(s.inbox);
      step('exchange', `The message arrives: the inbox answers from its row (*${s.inbox}*).`, gone, { receipt });
    }
  }
  if (!s.asked || s.row !== 'pending') return;
  if (s.inbox === 'none') step('exchange', 'The CANCEL arrives.', { inbox: 'cancelled', receipt: 'rejected' });
  else
    step('exchange', `The CANCEL arrives: the inbox answers from its row (*${s.inbox}*).`, {
      receipt: replayed(s.inbox),
    });
}

/** A CANCEL knows no content: its answer is whatever was decided. */
function replayed(inbox: Exclude<State['inbox'], 'none'>): State['receipt'] {
  switch (inbox) {
    case 'accepted':
      return 'accepted';
    case 'other content':
      return 'accepted other';
    case 'other source':
      return 'collision';
    case 'rejected':
    case 'too late':
    case 'cancelled':
      return 'rejected';
    default:
      return inbox satisfies never;
  }
}

function adversarySteps(s: State, keeps: Keeps, step: Step<State>): void {
  if (s.adversary === 'undecided') {
    step('fault', 'The adversary may write to every queue.', { adversary: 'everywhere' });
    step('fault', 'The adversary may write receipts for the consumer, and nothing else.', {
      adversary: 'receipts only',
    });
    return;
  }
  const other: Partial<State> = { orderedOther: true, inbox: 'other content', receipt: 'accepted other' };
  const first = s.inbox === 'none';
  if (s.adversary === 'receipts only') {
    if (first && !keeps('queueYieldsOwnKind') && !keeps('messagesAreChecked')) {
      step('fault', 'The adversary puts an order into the consumer’s queue of receipts; it is handled.', other);
    }
    return;
  }
  if (first && !keeps('messagesAreChecked')) {
    step('fault', 'The adversary sends a copy with other content, ahead of the message; it is accepted.', other);
    step('fault', 'The adversary sends a copy with a deadline in the past, ahead of the message; it is rejected.', {
      ...{ inbox: 'too late', receipt: 'rejected' },
    });
  }
  if (first) {
    const squats = 'The adversary orders the same in his own name, under the id of the message';
    const taken: Partial<State> = keeps('idsAreTheSources') ? {} : { inbox: 'other source' };
    if (keeps('replyToIsSource')) step('fault', `${squats}; he gets the receipt.`, taken);
    else step('fault', `${squats}, and has the receipt sent to the producer.`, { ...taken, receipt: 'accepted' });
  }
  if (first && !keeps('cancelsAreChecked')) {
    step('fault', 'The adversary sends a CANCEL.', { inbox: 'cancelled', receipt: 'rejected' });
  }
  if (!keeps('receiptsAreChecked')) {
    step('fault', 'The adversary sends a receipt: rejected.', { receipt: 'rejected' });
    step('fault', 'The adversary sends a receipt: accepted.', { receipt: 'accepted' });
  }
  if (s.receipt !== 'none') step('fault', 'The adversary withholds the receipt.', { receipt: 'none' });
  if (s.copy) step('fault', 'The adversary withholds the message.', { copy: false });
}
