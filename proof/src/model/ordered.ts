import { SideRemoval } from './chapters';
import { StateOf } from './codec';
import { Model, Property, Step } from './explorer';

/** What keeps a key in order, as switches, as in `rules.ts`. */
export const ORDER_RULES = {
  oneRecords: 'Who records a key waits for the end of every transaction that has recorded it.',
  inTurn: 'None is claimed while an earlier one of its key is not final.',
  claimedOnly:
    'The recorder hands nothing over that it has not taken after its commit, by the same look as all others.',
  untilFinal: 'An earlier one holds the key until it is final, not only until it is sent.',
  passedOn: 'Who has made one final has taken the next one with it, or looks for it after its commit.',
  looksAgain: 'Who has held one back looks again, after its commit.',
  recorderLooks: 'Who has recorded one looks whose turn it is, after its commit.',
  looksItself: 'One that is held back is due by itself after a while.',
} as const;

export type OrderRule = keyof typeof ORDER_RULES;

/** Each rule removed, and the property that breaks. */
export const ORDER_REMOVALS: readonly SideRemoval<OrderRule>[] = [
  { id: 'K1', without: ['oneRecords'], breaks: 'PK1' },
  { id: 'K2', without: ['inTurn'], breaks: 'PK1' },
  { id: 'K3', without: ['claimedOnly'], breaks: 'PK1' },
  { id: 'K4', without: ['untilFinal'], breaks: 'PK1' },
  { id: 'K5', without: ['passedOn'], breaks: 'PK3', thereafter: 'It waits for the clock.' },
  { id: 'K6', without: ['looksAgain'], breaks: 'PK3', thereafter: 'It waits for the clock.' },
  { id: 'K7', without: ['looksItself'], breaks: 'PK2', thereafter: 'Nobody looks at it any more.' },
  { id: 'K8', without: ['recorderLooks'], breaks: 'PK3', thereafter: 'It waits for the clock.' },
];

const MESSAGES = ['a', 'b'] as const;
type Message = (typeof MESSAGES)[number];
const RELAYS = ['one', 'other'] as const;

/** Of the transaction: begun, has recorded, has ended. Then of the row; `held`: for its turn. */
const ROW = ['begun', 'recorded', 'rolledBack', 'due', 'held', 'leased', 'sent', 'parked', 'final'] as const;
/** What a relay is about to write, by what it saw; or has written, and is to look at again. */
const HANDS = ['idle', 'aFree', 'bFree', 'aBehind', 'bBehind', 'aHeld', 'bHeld'] as const;

const FIELDS = {
  ...{ aRow: ROW, bRow: ROW },
  /** The number that was drawn, and the place among the commits, and among the effects. */
  ...{ aNumber: [0, 1, 2], bNumber: [0, 1, 2] },
  ...{ aCommit: [0, 1, 2], bCommit: [0, 1, 2] },
  ...{ aEffect: [0, 1, 2], bEffect: [0, 1, 2] },
  ...{ aCopy: [false, true], bCopy: [false, true] },
  ...{ one: HANDS, other: HANDS },
  /** Whose end is committed, and not looked after yet. */
  ended: ['none', 'a', 'b'],
  /** Whether who recorded it has committed, and has not looked yet. */
  ...{ aLook: [false, true], bLook: [false, true] },
  /** Somebody died, and what he was to do is left to the clock. */
  crashed: [false, true],
} as const;

type State = StateOf<typeof FIELDS>;
type Change = Partial<State>;

const rowOf = (s: State, m: Message) => s[`${m}Row`];
const isCommitted = (s: State, m: Message): boolean => !['begun', 'recorded', 'rolledBack'].includes(rowOf(s, m));
const isOver = (s: State): boolean => MESSAGES.every((m) => ['rolledBack', 'final'].includes(rowOf(s, m)));
const otherThan = (m: Message): Message => (m === 'a' ? 'b' : 'a');

export const ORDER_PROPERTIES: readonly Property<State>[] = [
  {
    kind: 'invariant',
    id: 'PK1',
    says: 'Effects of one key are in the order of the commits that recorded them.',
    holds: ({ aCommit, bCommit, aEffect, bEffect }) =>
      aEffect === 0 || bEffect === 0 || aCommit < bCommit === aEffect < bEffect,
  },
  {
    kind: 'liveness',
    id: 'PK2',
    says: 'A key can come to its end; where one was parked, with a person.',
    by: ['producer', 'exchange', 'time', 'person'],
    when: () => true,
    goal: isOver,
  },
  {
    kind: 'liveness',
    id: 'PK3',
    says: 'Where nobody has died, it need not wait for the clock.',
    by: ['producer', 'exchange', 'person'],
    when: ({ crashed }) => !crashed,
    goal: isOver,
  },
];

/**
 * Two transactions that record one key and may overlap, two relays that look, and then write, a queue that loses and repeats, and a
 * consumer that may refuse to process one. Everybody may die between any two steps.
 */
export function ordered(without: readonly OrderRule[] = []): Model<typeof FIELDS> {
  const keeps = (rule: OrderRule): boolean => !without.includes(rule);
  return {
    fields: FIELDS,
    initial: {
      ...{ aRow: 'begun', bRow: 'begun', aNumber: 0, bNumber: 0, aCommit: 0, bCommit: 0, aEffect: 0, bEffect: 0 },
      ...{ aCopy: false, bCopy: false, one: 'idle', other: 'idle', ended: 'none', aLook: false, bLook: false },
      crashed: false,
    },
    steps(s, step) {
      for (const m of MESSAGES) {
        recording(s, step, m, keeps);
        sending(s, step, m, keeps);
        receiving(s, step, m, keeps);
        looking(s, step, m);
      }
      for (const relay of RELAYS) relaying(s, step, relay, keeps);
      if (s.ended === 'none') return;
      if (keeps('passedOn')) look(s, step, 'Who made it final', { ended: 'none' });
      else step('producer', 'Nobody looks for the next one.', { ended: 'none' });
      step('fault', 'Who made it final dies before it looks for the next one.', { ended: 'none', crashed: true });
    },
  };
}

/** Whether an earlier one keeps this one back, by what is committed. */
function isBehind(s: State, m: Message, keeps: (rule: OrderRule) => boolean): boolean {
  const other = otherThan(m);
  const passed = keeps('untilFinal') ? ['final'] : ['sent', 'final'];
  return isCommitted(s, other) && s[`${other}Number`] < s[`${m}Number`] && !passed.includes(rowOf(s, other));
}

/** The first of the key that is not final, if it is held for its turn. */
function held(s: State): Message | undefined {
  const open = MESSAGES.filter((m) => isCommitted(s, m) && rowOf(s, m) !== 'final');
  const [first] = open.sort((one, other) => s[`${one}Number`] - s[`${other}Number`]);
  return first && rowOf(s, first) === 'held' ? first : undefined;
}

/** Somebody looks whose turn it is: he takes it, to send it, or makes it due for others. */
function look(s: State, step: Step<State>, who: string, done: Change): void {
  const first = held(s);
  if (!first) return step('producer', `${who} looks for the next one, and nobody is held.`, done);
  step('producer', `${who} takes ${first}, whose turn it is.`, done, { [`${first}Row`]: 'leased' });
  step('producer', `${who} makes ${first} due, whose turn it is.`, done, { [`${first}Row`]: 'due' });
}

function looking(s: State, step: Step<State>, m: Message): void {
  const [looks, done] = [s[`${m}Look`], { [`${m}Look`]: false }];
  if (!looks) return;
  look(s, step, `Who recorded ${m}`, done);
  step('fault', `Who recorded ${m} dies before it looks.`, done, { crashed: true });
}

function recording(s: State, step: Step<State>, m: Message, keeps: (rule: OrderRule) => boolean): void {
  const other = otherThan(m);
  switch (rowOf(s, m)) {
    case 'begun': {
      if (keeps('oneRecords') && rowOf(s, other) === 'recorded') return;
      const number = s[`${other}Number`] === 0 ? 1 : 2;
      step('producer', `The transaction of ${m} records it: number ${number}.`, {
        [`${m}Row`]: 'recorded',
        [`${m}Number`]: number,
      });
      return;
    }
    case 'recorded': {
      const committed = { [`${m}Commit`]: s[`${other}Commit`] === 0 ? 1 : 2 };
      step('producer', `The transaction of ${m} commits; it waits for its turn.`, committed, {
        ...{ [`${m}Row`]: 'held', [`${m}Look`]: keeps('recorderLooks') },
      });
      step('producer', `The transaction of ${m}, which is not the library's, commits.`, committed, {
        [`${m}Row`]: 'due',
      });
      if (!keeps('claimedOnly'))
        step('producer', `The transaction of ${m} commits, and its process publishes it from memory.`, committed, {
          ...{ [`${m}Row`]: 'sent', [`${m}Copy`]: true },
        });
      step('fault', `The transaction of ${m} rolls back.`, { [`${m}Row`]: 'rolledBack' });
      return;
    }
    default:
  }
}

function sending(s: State, step: Step<State>, m: Message, keeps: (rule: OrderRule) => boolean): void {
  const row = `${m}Row` as const;
  const copy = { [`${m}Copy`]: true };
  switch (s[row]) {
    case 'leased':
      step('producer', `${m} is published, and marked as sent.`, copy, { [row]: 'sent' });
      step('fault', `${m} is published; its relay dies before the mark.`, copy, { crashed: true });
      step('fault', `The relay of ${m} dies before it publishes it.`, { [row]: 'due', crashed: true });
      return;
    case 'sent':
      step('producer', `No receipt for ${m} has come: it is due again.`, { [row]: 'due' });
      return;
    case 'held':
      if (keeps('looksItself')) step('time', `${m} has waited long enough to look by itself.`, { [row]: 'due' });
      return;
    case 'parked':
      step('person', `A person lets ${m} be tried again.`, { [row]: 'due' });
      return;
    default:
  }
}

function receiving(s: State, step: Step<State>, m: Message, keeps: (rule: OrderRule) => boolean): void {
  if (!s[`${m}Copy`]) return;
  const row = `${m}Row` as const;
  const gone = { [`${m}Copy`]: false };
  const isOpen = s[row] !== 'final';
  const done = s[`${m}Effect`] === 0 ? { [`${m}Effect`]: s[`${otherThan(m)}Effect`] === 0 ? 1 : 2 } : {};
  const final: Change = isOpen ? { [row]: 'final', ended: m } : {};
  step('fault', `A copy of ${m} is lost.`, gone);
  step('fault', `A copy of ${m} is handled; its receipt is lost.`, done, gone);
  // One end at a time is looked after: that keeps the model small, and is what a batch does.
  if (!isOpen || s.ended === 'none') {
    step('exchange', `A copy of ${m} is handled, and its receipt makes it final.`, done, gone, final);
    step('fault', `The same, and another copy of ${m} stays in the queue.`, done, final);
  }
  const next = isOpen && keeps('passedOn') ? held({ ...s, [row]: 'final' }) : undefined;
  if (next)
    step('exchange', `A copy of ${m} is handled; its receipt makes it final, and takes ${next} with it.`, done, gone, {
      ...{ [row]: 'final', [`${next}Row`]: 'leased' },
    });
  if (isOpen && s[`${m}Effect`] === 0)
    step('time', `A copy of ${m} cannot be processed: it is parked.`, gone, { [row]: 'parked' });
}

function relaying(
  s: State,
  step: Step<State>,
  relay: (typeof RELAYS)[number],
  keeps: (rule: OrderRule) => boolean,
): void {
  const who = relay === 'one' ? 'A relay' : 'Another relay';
  const idle = { [relay]: 'idle' };
  const hand = s[relay];
  if (hand === 'idle') {
    for (const m of MESSAGES) {
      if (rowOf(s, m) !== 'due') continue;
      const behind = keeps('inTurn') && isBehind(s, m, keeps);
      step('producer', `${who} looks at ${m}: ${behind ? 'it is not its turn' : 'it is its turn'}.`, {
        [relay]: behind ? `${m}Behind` : `${m}Free`,
      });
    }
    return;
  }
  const m = hand[0] as Message;
  step('fault', `${who} dies.`, idle, { crashed: true });
  if (hand.endsWith('Held')) {
    look(s, step, who, idle);
  } else if (rowOf(s, m) !== 'due') {
    step('producer', `${who} finds ${m} taken.`, idle);
  } else if (hand.endsWith('Free')) {
    step('producer', `${who} takes ${m}.`, idle, { [`${m}Row`]: 'leased' });
  } else {
    const after = keeps('looksAgain') ? { [relay]: `${m}Held` } : idle;
    step('producer', `${who} holds ${m} back.`, after, { [`${m}Row`]: 'held' });
  }
}
