import { SideRemoval } from './chapters';
import { StateOf } from './codec';
import { Model, Property, Step } from './explorer';

/** The rules that matter once a message has several consumers as switches, as in `rules.ts`. */
export const CONSUMER_RULES = {
  receiptNamesConsumer:
    'A verdict is applied to the row of the consumer that gave it, not to every row of the message.',
  inboxKeyNamesConsumer: 'The inbox key names the consumer beside the message, so two consumers may share a database.',
  compensationPerConsumer: '`@Compensate` runs once per rejecting consumer, not once per message.',
} as const;

export type ConsumerRule = keyof typeof CONSUMER_RULES;

/** Each rule removed, and the property that breaks. */
export const CONSUMER_REMOVALS: readonly SideRemoval<ConsumerRule>[] = [
  { id: 'D1', without: ['receiptNamesConsumer'], breaks: 'PD1' },
  { id: 'D2', without: ['inboxKeyNamesConsumer'], breaks: 'PD1' },
  { id: 'D3', without: ['compensationPerConsumer'], breaks: 'PD1' },
];

const CONSUMERS = ['order', 'billing'] as const;
type Consumer = (typeof CONSUMERS)[number];

const ROWS = ['pending', 'completed', 'compensated'] as const;
const VERDICTS = ['none', 'accepted', 'rejected'] as const;
const COUNTS = [0, 1, 2] as const;

const FIELDS = {
  ...{ orderRow: ROWS, orderCopy: [false, true], orderInbox: VERDICTS, orderReceipt: VERDICTS },
  ...{ orderEffects: COUNTS, orderCompensations: COUNTS },
  ...{ billingRow: ROWS, billingCopy: [false, true], billingInbox: VERDICTS, billingReceipt: VERDICTS },
  ...{ billingEffects: COUNTS, billingCompensations: COUNTS },
} as const;

type State = StateOf<typeof FIELDS>;

/** The promise is per consumer. */
export const CONSUMER_PROPERTIES: readonly Property<State>[] = [
  {
    kind: 'invariant',
    id: 'PD1',
    says: 'A completed row has its own consumer’s effect; a compensated row has its own compensation and no effect.',
    holds: (s) =>
      CONSUMERS.every((consumer) => {
        const row = s[`${consumer}Row`];
        const [effects, compensations] = [s[`${consumer}Effects`], s[`${consumer}Compensations`]];
        if (row === 'completed') return effects === 1 && compensations === 0;
        return row === 'compensated' ? effects === 0 && compensations === 1 : effects <= 1 && compensations === 0;
      }),
  },
  {
    kind: 'liveness',
    id: 'PD2',
    says: 'Every row can get its verdict.',
    by: ['producer', 'exchange'],
    when: () => true,
    goal: (s) => s.orderRow !== 'pending' && s.billingRow !== 'pending',
  },
];

/** One message, two consumers, two delivery rows. Everything that does not differ between one and two is left out. */
export function consumers(without: readonly ConsumerRule[] = []): Model<typeof FIELDS> {
  const one = { Row: 'pending', Copy: false, Inbox: 'none', Receipt: 'none', Effects: 0, Compensations: 0 } as const;
  const initial = Object.fromEntries(
    CONSUMERS.flatMap((consumer) => Object.entries(one).map(([name, value]) => [`${consumer}${name}`, value])),
  ) as unknown as State;
  const keeps = (rule: ConsumerRule) => !without.includes(rule);
  return {
    fields: FIELDS,
    initial,
    steps(state, step) {
      for (const consumer of CONSUMERS) {
        deliverSteps(state, consumer, keeps, step);
        receiptSteps(state, consumer, keeps, step);
      }
    },
  };
}

type Keeps = (rule: ConsumerRule) => boolean;

const nameOf = (consumer: Consumer): string => `${consumer}-service`;

function deliverSteps(state: State, consumer: Consumer, keeps: Keeps, step: Step<State>): void {
  const name = nameOf(consumer);
  const [copy, inbox, receipt] = [`${consumer}Copy`, `${consumer}Inbox`, `${consumer}Receipt`] as const;
  if (state[`${consumer}Row`] === 'pending' && !state[copy]) {
    step('exchange', `The relay publishes the copy for ${name}.`, { [copy]: true });
  }
  if (!state[copy]) return;
  step('fault', `The broker loses the copy for ${name}.`, { [copy]: false });
  const other = state[`${consumer === 'order' ? 'billing' : 'order'}Inbox`];
  const known = state[inbox] !== 'none' || keeps('inboxKeyNamesConsumer') ? state[inbox] : other;
  if (known !== 'none') {
    step('exchange', `The copy for ${name} arrives: the inbox replays *${known}*.`, {
      [copy]: false,
      [receipt]: known,
    });
    return;
  }
  const effect: Partial<State> = { [`${consumer}Effects`]: state[`${consumer}Effects`] === 0 ? 1 : 2 };
  for (const verdict of ['accepted', 'rejected'] as const) {
    const done: Partial<State> = { [inbox]: verdict, ...(verdict === 'accepted' && effect) };
    const sentence = `The copy for ${name} arrives and is ${verdict}`;
    step('exchange', `${sentence}.`, { ...done, [copy]: false, [receipt]: verdict });
    step('fault', `${sentence}; a crash before the receipt.`, done);
  }
}

function receiptSteps(state: State, consumer: Consumer, keeps: Keeps, step: Step<State>): void {
  const receipt = `${consumer}Receipt` as const;
  const verdict = state[receipt];
  if (verdict === 'none') return;
  const gone: Partial<State> = { [receipt]: 'none' };
  const asked = keeps('receiptNamesConsumer') ? [consumer] : CONSUMERS;
  const closing = asked.filter((target) => state[`${target}Row`] === 'pending');
  const row = verdict === 'accepted' ? 'completed' : 'compensated';
  const alreadyRan = state.orderCompensations + state.billingCompensations > 0;
  const compensates = verdict === 'rejected' && (keeps('compensationPerConsumer') || !alreadyRan);
  let change: Partial<State> = {};
  for (const target of closing) {
    change = { ...change, [`${target}Row`]: row, ...(compensates && { [`${target}Compensations`]: 1 }) };
  }
  const ran = verdict === 'rejected' ? (compensates ? ', @Compensate runs' : ', @Compensate does not run again') : '';
  const effect = closing.length > 0 ? `${closing.map(nameOf).join(' and ')} ${row}${ran}` : 'no row to close';
  const sentence = `The receipt *${verdict}* of ${nameOf(consumer)} arrives: ${effect}`;
  step('exchange', `${sentence}.`, { ...change, ...gone });
  step('fault', `${sentence}; a copy stays in the queue.`, change);
  step('fault', `The broker loses the receipt of ${nameOf(consumer)}.`, gone);
}
