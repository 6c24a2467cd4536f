import { SideRemoval } from './chapters';
import { StateOf } from './codec';
import { Model, Property, Step } from './explorer';

/** What makes a half message's fate that of an effect elsewhere, as switches, as in `rules.ts`. */
export const HALF_RULES = {
  halfFirst: 'The half message is stored before the work begins.',
  sameTransaction: 'That it is committed is written in the transaction of the effect.',
  ruledOut: 'A check that finds nothing writes that down, and the work runs into it.',
  waits: 'A check does not judge a transaction that is still under way.',
  askedAgain: 'What nobody knows yet is asked about again.',
  ackedLast: 'A check is acknowledged after what follows from it is done.',
  recordedOnce: 'It is shown by being recorded under its own id, which exists once.',
} as const;

export type HalfRule = keyof typeof HALF_RULES;

const NEVER_SHOWN = 'The effect is there, and nobody is left who knows of the message.';

/** Each rule removed, and the property that breaks. */
export const HALF_REMOVALS: readonly SideRemoval<HalfRule>[] = [
  { id: 'H1', without: ['halfFirst'], breaks: 'PH3', thereafter: NEVER_SHOWN },
  { id: 'H2', without: ['sameTransaction'], breaks: 'PH1' },
  { id: 'H3', without: ['ruledOut'], breaks: 'PH3', thereafter: NEVER_SHOWN },
  { id: 'H4', without: ['waits'], breaks: 'PH3', thereafter: NEVER_SHOWN },
  { id: 'H5', without: ['askedAgain'], breaks: 'PH3', thereafter: NEVER_SHOWN },
  { id: 'H6', without: ['ackedLast'], breaks: 'PH3', thereafter: NEVER_SHOWN },
  { id: 'H7', without: ['recordedOnce'], breaks: 'PH2' },
];

/** Two instances of the service may be asked at the same time: a broker brings again what was not acknowledged. */
const CHECKERS = ['one', 'other'] as const;
type Checker = (typeof CHECKERS)[number];
const ANSWERS = ['none', 'committed', 'rolledBack', 'unknown'] as const;

const FIELDS = {
  /** Of the process that does the work; `gone`: dead, or given up. One that is only slow takes its next step late. */
  producer: ['idle', 'stored', 'working', 'committed', 'gone'],
  effect: [false, true],
  /** What is committed of it. While the producer works, its own row is there and locked. */
  barrier: ['none', 'committed', 'ruledOut'],
  /** Where copies of the half message are. */
  ...{ resting: [false, true], asking: [false, true], parked: [false, true] },
  /** What each checker was told, and has not acted upon. */
  ...{ oneAnswer: ANSWERS, otherAnswer: ANSWERS },
  shown: [0, 1, 2],
} as const;

type State = StateOf<typeof FIELDS>;
type Change = Partial<State>;

export const HALF_PROPERTIES: readonly Property<State>[] = [
  {
    kind: 'invariant',
    id: 'PH1',
    says: 'What is shown has its effect.',
    holds: ({ shown, effect }) => shown === 0 || effect,
  },
  { kind: 'invariant', id: 'PH2', says: 'It is shown at most once.', holds: ({ shown }) => shown <= 1 },
  {
    kind: 'liveness',
    id: 'PH3',
    says: 'What has its effect can be shown; where nobody ever knew, a person may have to ask once more.',
    by: ['producer', 'exchange', 'person'],
    when: ({ effect }) => effect,
    goal: ({ shown }) => shown > 0,
  },
  {
    kind: 'liveness',
    id: 'PH4',
    says: 'Every half message can come to its end.',
    by: ['producer', 'exchange', 'person'],
    when: () => true,
    goal: ({ resting, asking, parked }) => !resting && !asking && !parked,
  },
];

/**
 * One half message, the process that does its work, and two that are asked about it, each of which may die between any two
 * steps; a broker that brings again what was not acknowledged. What becomes of it when it is shown is the protocol above.
 */
export function halfMessages(without: readonly HalfRule[] = []): Model<typeof FIELDS> {
  const keeps = (rule: HalfRule): boolean => !without.includes(rule);
  const shown = (s: State): Change => ({ shown: s.shown === 0 || keeps('recordedOnce') ? 1 : 2 });
  return {
    fields: FIELDS,
    initial: {
      ...{ producer: 'idle', effect: false, barrier: 'none', resting: false, asking: false, parked: false },
      ...{ oneAnswer: 'none', otherAnswer: 'none', shown: 0 },
    },
    steps(s, step) {
      producerSteps(s, step, keeps, shown);
      if (s.resting) step('exchange', 'Its pause is over: it is to be asked about.', { resting: false, asking: true });
      if (s.parked) step('person', 'A person lets it be asked about again.', { parked: false, resting: true });
      for (const checker of CHECKERS) checkerSteps(s, step, checker, keeps, shown);
    },
  };
}

function producerSteps(
  s: State,
  step: Step<State>,
  keeps: (rule: HalfRule) => boolean,
  shown: (s: State) => Change,
): void {
  const gone = { producer: 'gone' } as const;
  switch (s.producer) {
    case 'idle':
      if (!keeps('halfFirst'))
        step('producer', 'The work begins; the half message is to follow.', { producer: 'stored' });
      step('producer', 'The broker stores the half message, and confirms.', { producer: 'stored', resting: true });
      step('fault', 'The broker stores the half message; its confirm is lost, the work is not begun.', gone, {
        resting: true,
      });
      return;
    case 'stored':
      step('fault', 'The producer dies before the work.', gone);
      if (s.barrier === 'ruledOut')
        return step('producer', 'The work runs into the barrier: it rolls back, and is given up.', gone);
      step(
        'producer',
        keeps('sameTransaction') ? 'The work begins.' : '*Committed* is written, and the work begins.',
        { producer: 'working' },
        keeps('sameTransaction') ? {} : { barrier: 'committed' },
      );
      return;
    case 'working': {
      const done = { effect: true, barrier: 'committed' } as const;
      step('producer', 'The work commits.', done, { producer: 'committed' });
      step('fault', 'The work commits; the producer dies before it knows.', done, gone);
      step('fault', 'The producer dies: the work rolls back.', gone);
      return;
    }
    case 'committed':
      step('producer', 'The producer shows the message.', shown(s), gone);
      step('fault', 'The producer dies before it shows the message.', gone);
      return;
    case 'gone':
      return;
    default:
      return s.producer satisfies never;
  }
}

function checkerSteps(
  s: State,
  step: Step<State>,
  checker: Checker,
  keeps: (rule: HalfRule) => boolean,
  shown: (s: State) => Change,
): void {
  const [field, who] = [`${checker}Answer` as const, `The ${checker} checker`];
  const idle: Change = { [field]: 'none' };
  /** Acknowledged too early it was taken away when it was asked about. */
  const acked: Change = { ...idle, ...(keeps('ackedLast') && { asking: false }) };
  const answer = s[field];
  if (answer !== 'none') step('fault', `${who} dies with the answer in hand.`, idle);
  switch (answer) {
    case 'none':
      if (s.asking) asked(s, step, field, who, keeps);
      return;
    case 'committed':
      step('exchange', `${who} shows the message, and acknowledges.`, shown(s), acked);
      step('fault', `${who} shows the message, and dies before it acknowledges.`, shown(s), idle);
      return;
    case 'rolledBack':
      step('exchange', `${who} acknowledges: forgotten.`, acked);
      return;
    case 'unknown':
      if (!keeps('askedAgain')) return step('exchange', `${who} acknowledges, although nobody knows.`, acked);
      step('exchange', `${who} has it stored for the next pause, and acknowledges.`, acked, { resting: true });
      step('fault', `${who} has it stored for the next pause, and dies.`, idle, { resting: true });
      step('time', `${who} has asked too often: parked, and acknowledged.`, acked, { parked: true });
      return;
    default:
      return answer satisfies never;
  }
}

function asked(
  s: State,
  step: Step<State>,
  field: `${Checker}Answer`,
  who: string,
  keeps: (rule: HalfRule) => boolean,
): void {
  const early: Change = keeps('ackedLast') ? {} : { asking: false };
  if (s.shown > 0) return step('exchange', `${who} finds it shown, and acknowledges.`, { asking: false });
  step('fault', `${who} is told nothing: the question failed.`, early, { [field]: 'unknown' });
  if (s.barrier === 'committed')
    return step('exchange', `${who} is told *committed*.`, early, { [field]: 'committed' });
  if (s.barrier === 'ruledOut')
    return step('exchange', `${who} is told *rolled back*.`, early, { [field]: 'rolledBack' });
  if (s.producer === 'working' && keeps('waits'))
    return step('exchange', `${who} waits for the transaction in vain: *not known yet*.`, early, {
      [field]: 'unknown',
    });
  // Who does not wait sees nothing of a transaction under way, and cannot write what would meet it.
  const rulesOut = keeps('ruledOut') && s.producer !== 'working';
  step(
    'exchange',
    rulesOut ? `${who} finds nothing, and rules it out: *rolled back*.` : `${who} finds nothing: *rolled back*.`,
    early,
    { [field]: 'rolledBack', ...(rulesOut && { barrier: 'ruledOut' }) },
  );
}
