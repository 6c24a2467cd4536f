import { SideRemoval } from './chapters';
import { StateOf } from './codec';
import { Model, Property, Step } from './explorer';

/** What keeps messages that travel together as safe as those that travel alone, as switches, as in `rules.ts`. */
export const BUNDLE_RULES = {
  againAlone: 'What is asked for again goes alone.',
  membersHaveRows:
    'Every member of a bundle has its own inbox row: what was done is replayed when the bundle comes again.',
  verdictPerMember: 'A bundle of receipts holds a verdict per member, and each is applied to its own row.',
  ackedLast: 'A bundle is acknowledged after its last member.',
  onlyToWhoAsked: 'A bundle is sent only to whom has said that it reads them.',
} as const;

export type BundleRule = keyof typeof BUNDLE_RULES;

/** Each rule removed, and the property that breaks; none, where the rule is for speed. */
export const BUNDLE_REMOVALS: readonly SideRemoval<BundleRule>[] = [
  {
    id: 'B1',
    without: ['againAlone'],
    breaks: 'PB2',
    thereafter: 'Both are always asked for in company, and the consumer of an older version puts every bundle aside.',
  },
  { id: 'B2', without: ['membersHaveRows'], breaks: 'PB1' },
  { id: 'B3', without: ['verdictPerMember'], breaks: 'PB1' },
  {
    id: 'B4',
    without: ['ackedLast'],
    thereafter: 'A member that was not begun is asked for again; the rule saves that wait.',
  },
  {
    id: 'B5',
    without: ['onlyToWhoAsked'],
    thereafter: 'What was put aside is asked for again, alone; the rule saves that wait, and the alarm.',
  },
];

const MESSAGES = ['one', 'other'] as const;
type Message = (typeof MESSAGES)[number];

const ROWS = ['pending', 'completed', 'compensated'] as const;
const VERDICTS = ['none', 'accepted', 'rejected'] as const;
const COUNTS = [0, 1, 2] as const;

const FIELDS = {
  /** `Again`: it was published once. `Done`: a member of the bundle in hand that has been handled. */
  ...{ oneRow: ROWS, oneAgain: [false, true], oneCopy: [false, true], oneInbox: VERDICTS, oneReceipt: VERDICTS },
  ...{ oneEffects: COUNTS, oneCompensations: COUNTS, oneDone: [false, true] },
  ...{
    otherRow: ROWS,
    otherAgain: [false, true],
    otherCopy: [false, true],
    otherInbox: VERDICTS,
    otherReceipt: VERDICTS,
  },
  ...{ otherEffects: COUNTS, otherCompensations: COUNTS, otherDone: [false, true] },
  /** Both messages in one; both receipts in one. */
  bundle: [false, true],
  receipts: [false, true],
  /** Does the version that runs read bundles? */
  consumerReads: [true, false],
  producerReads: [true, false],
  /** The producer has heard that the consumer does, or did. */
  said: [false, true],
} as const;

type State = StateOf<typeof FIELDS>;
type Change = Partial<State>;
type Keeps = (rule: BundleRule) => boolean;

export const BUNDLE_PROPERTIES: readonly Property<State>[] = [
  {
    kind: 'invariant',
    id: 'PB1',
    says: 'A completed row has its own effect; a compensated row has its own compensation and no effect.',
    holds: (s) =>
      MESSAGES.every((message) => {
        const [row, effects, compensations] = [
          s[`${message}Row`],
          s[`${message}Effects`],
          s[`${message}Compensations`],
        ];
        if (row === 'completed') return effects === 1 && compensations === 0;
        return row === 'compensated' ? effects === 0 && compensations === 1 : effects <= 1 && compensations === 0;
      }),
  },
  {
    kind: 'liveness',
    id: 'PB2',
    says: 'Every row can get its verdict, whatever versions run on both sides.',
    by: ['producer', 'exchange'],
    when: () => true,
    goal: (s) => s.oneRow !== 'pending' && s.otherRow !== 'pending',
  },
];

/**
 * Two messages from one producer to one consumer, alone or together: what is in one AMQP message is published, delivered, lost and
 * acknowledged at once. Either side may be replaced by a version that has never heard of bundles, and back.
 */
export function bundles(without: readonly BundleRule[] = []): Model<typeof FIELDS> {
  const keeps: Keeps = (rule) => !without.includes(rule);
  const one = { Row: 'pending', Again: false, Copy: false, Inbox: 'none', Receipt: 'none' } as const;
  const message = { ...one, Effects: 0, Compensations: 0, Done: false } as const;
  const initial = {
    ...Object.fromEntries(
      MESSAGES.flatMap((each) => Object.entries(message).map(([name, value]) => [`${each}${name}`, value])),
    ),
    ...{ bundle: false, receipts: false, consumerReads: true, producerReads: true, said: false },
  } as unknown as State;
  return {
    fields: FIELDS,
    initial,
    steps(state, step) {
      for (const each of MESSAGES) aloneSteps(state, each, keeps, step);
      togetherSteps(state, keeps, step);
      if (state.bundle) bundleSteps(state, keeps, step);
      if (state.receipts) receiptsSteps(state, keeps, step);
      deploySteps(state, step);
    },
  };
}

const bothPending = (s: State): boolean => s.oneRow === 'pending' && s.otherRow === 'pending';
const mayBundle = (s: State, keeps: Keeps): boolean => s.producerReads && (s.said || !keeps('onlyToWhoAsked'));

function aloneSteps(s: State, message: Message, keeps: Keeps, step: Step<State>): void {
  const [copy, receipt, again] = [`${message}Copy`, `${message}Receipt`, `${message}Again`] as const;
  // Without the rule what is asked for again finds company whenever it can.
  const company = !keeps('againAlone') && s[again] && bothPending(s) && mayBundle(s, keeps);
  if (s[`${message}Row`] === 'pending' && !s[copy] && !company)
    step('exchange', `The relay publishes the ${message} alone.`, { [copy]: true, [again]: true });
  if (s[copy]) {
    step('fault', `The broker loses the copy of the ${message}.`, { [copy]: false });
    handle(s, message, keeps, (what, done, verdict) => {
      const sentence = `The copy of the ${message} arrives: ${what}`;
      step('exchange', `${sentence}; its receipt goes alone.`, done, { [copy]: false, [receipt]: verdict });
      step('fault', `${sentence}; a crash before the receipt.`, done);
    });
  }
  const verdict = s[receipt];
  if (verdict === 'none') return;
  step('fault', `The broker loses the receipt of the ${message}.`, { [receipt]: 'none' });
  step('exchange', `The receipt of the ${message} arrives: ${verdict}.`, applied(s, message, verdict), {
    [receipt]: 'none',
  });
}

function togetherSteps(s: State, keeps: Keeps, step: Step<State>): void {
  const first = !s.oneAgain && !s.otherAgain;
  if (bothPending(s) && !s.bundle && mayBundle(s, keeps) && (first || !keeps('againAlone')))
    step('exchange', 'The relay publishes both in one bundle.', { bundle: true, oneAgain: true, otherAgain: true });
  if (s.consumerReads && !s.said) step('exchange', 'The consumer says that it reads bundles.', { said: true });
}

/** The bundle is in hand, or comes again. */
function bundleSteps(s: State, keeps: Keeps, step: Step<State>): void {
  const gone: Change = { bundle: false, oneDone: false, otherDone: false };
  step('fault', 'The broker loses the bundle, and both copies with it.', gone);
  if (!s.consumerReads) return step('exchange', 'The bundle arrives at an older version, which puts it aside.', gone);
  if (s.oneDone || s.otherDone)
    step('fault', 'The consumer dies: the bundle comes again, whole.', { oneDone: false, otherDone: false });
  for (const message of MESSAGES) {
    if (s[`${message}Done`]) continue;
    handle(s, message, keeps, (what, done) =>
      step('exchange', `Of the bundle the ${message} is handled: ${what}.`, done, { [`${message}Done`]: true }),
    );
  }
  const answers: Change = {
    ...(s.oneDone && { oneReceipt: s.oneInbox }),
    ...(s.otherDone && { otherReceipt: s.otherInbox }),
  };
  if (s.oneDone && s.otherDone) {
    step('exchange', 'Both receipts go in one bundle; the bundle of messages is acknowledged.', gone, {
      receipts: true,
    });
    step('exchange', 'Both receipts go alone; the bundle is acknowledged.', gone, answers);
    step('fault', 'Both receipts go in one bundle; a crash before the acknowledgement.', {
      ...{ receipts: true, oneDone: false, otherDone: false },
    });
  } else if ((s.oneDone || s.otherDone) && !keeps('ackedLast')) {
    step('exchange', 'The bundle is acknowledged after the first of its members.', gone, answers);
  }
}

/** What is in a bundle of receipts is in the inbox; it stays until both are applied. */
function receiptsSteps(s: State, keeps: Keeps, step: Step<State>): void {
  step('fault', 'The broker loses the bundle of receipts.', { receipts: false });
  if (!s.producerReads)
    return step('exchange', 'The bundle of receipts arrives at an older version, which puts it aside.', {
      receipts: false,
    });
  for (const message of MESSAGES) {
    if (s[`${message}Row`] !== 'pending') continue;
    const verdict = keeps('verdictPerMember') ? s[`${message}Inbox`] : s.oneInbox;
    if (verdict !== 'none')
      step(
        'exchange',
        `Of the bundle of receipts that of the ${message} is applied: ${verdict}.`,
        applied(s, message, verdict),
      );
  }
  if (s.oneRow !== 'pending' && s.otherRow !== 'pending')
    step('exchange', 'Both are applied: the bundle of receipts is acknowledged.', { receipts: false });
}

/** Deploys and roll-backs. What a version has said outlives it for a while. */
function deploySteps(s: State, step: Step<State>): void {
  for (const side of ['consumer', 'producer'] as const) {
    const reads = s[`${side}Reads`];
    const sentence = `The ${side} is replaced by a version that ${reads ? 'has never heard of' : 'reads'} bundles.`;
    step('time', sentence, {
      [`${side}Reads`]: !reads,
      ...(side === 'consumer' && { oneDone: false, otherDone: false }),
    });
  }
}

type Verdict = 'accepted' | 'rejected';

/** The inbox is asked, then the handler runs, whether the message came alone or not. */
function handle(
  s: State,
  message: Message,
  keeps: Keeps,
  then: (what: string, done: Change, verdict: Verdict) => void,
): void {
  const [inbox, effects] = [`${message}Inbox`, `${message}Effects`] as const;
  const known = s[inbox];
  const asked = s.bundle && !keeps('membersHaveRows') ? 'none' : known;
  if (asked !== 'none') return then(`the inbox replays *${asked}*`, {}, asked);
  const effect: Change = { [effects]: s[effects] === 0 ? 1 : 2 };
  then('accepted', { [inbox]: 'accepted', ...effect }, 'accepted');
  then('rejected', { [inbox]: 'rejected' }, 'rejected');
}

function applied(s: State, message: Message, verdict: Verdict): Change {
  if (s[`${message}Row`] !== 'pending') return {};
  return verdict === 'accepted'
    ? { [`${message}Row`]: 'completed' }
    : { [`${message}Row`]: 'compensated', [`${message}Compensations`]: 1 };
}
