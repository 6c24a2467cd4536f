import { SideRemoval } from './chapters';
import { StateOf } from './codec';
import { Model, Property, Step } from './explorer';

/** The rules that matter once a message has several receivers as switches, as in `rules.ts`. */
export const RECEIVER_RULES = {
  receiptNamesReceiver:
    'A verdict is applied to the row of the receiver that gave it, not to every row of the message.',
  inboxKeyNamesConsumer: 'The inbox key names the consumer beside the message, so two consumers may share a database.',
  compensationPerReceiver: '`@Compensate` runs once per rejecting receiver, not once per message.',
} as const;

export type ReceiverRule = keyof typeof RECEIVER_RULES;

/** Each rule removed, and the property that breaks. */
export const RECEIVER_REMOVALS: readonly SideRemoval<ReceiverRule>[] = [
  { id: 'D1', without: ['receiptNamesReceiver'], breaks: 'PD1' },
  { id: 'D2', without: ['inboxKeyNamesConsumer'], breaks: 'PD1' },
  { id: 'D3', without: ['compensationPerReceiver'], breaks: 'PD1' },
];

const RECEIVERS = ['order', 'billing'] as const;
type Receiver = (typeof RECEIVERS)[number];

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

/** The promise is per receiver. */
export const RECEIVER_PROPERTIES: readonly Property<State>[] = [
  {
    kind: 'invariant',
    id: 'PD1',
    says: 'A completed row has its own receiver’s effect; a compensated row has its own compensation and no effect.',
    holds: (s) =>
      RECEIVERS.every((receiver) => {
        const row = s[`${receiver}Row`];
        const [effects, compensations] = [s[`${receiver}Effects`], s[`${receiver}Compensations`]];
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

/** One message, two receivers, two delivery rows. Everything that does not differ between one and two is left out. */
export function receivers(without: readonly ReceiverRule[] = []): Model<typeof FIELDS> {
  const one = { Row: 'pending', Copy: false, Inbox: 'none', Receipt: 'none', Effects: 0, Compensations: 0 } as const;
  const initial = Object.fromEntries(
    RECEIVERS.flatMap((receiver) => Object.entries(one).map(([name, value]) => [`${receiver}${name}`, value])),
  ) as unknown as State;
  const keeps = (rule: ReceiverRule) => !without.includes(rule);
  return {
    fields: FIELDS,
    initial,
    steps(state, step) {
      for (const receiver of RECEIVERS) {
        deliverSteps(state, receiver, keeps, step);
        receiptSteps(state, receiver, keeps, step);
      }
    },
  };
}

type Keeps = (rule: ReceiverRule) => boolean;

const nameOf = (receiver: Receiver): string => `${receiver}-service`;

function deliverSteps(state: State, receiver: Receiver, keeps: Keeps, step: Step<State>): void {
  const name = nameOf(receiver);
  const [copy, inbox, receipt] = [`${receiver}Copy`, `${receiver}Inbox`, `${receiver}Receipt`] as const;
  if (state[`${receiver}Row`] === 'pending' && !state[copy]) {
    step('exchange', `The relay publishes the copy for ${name}.`, { [copy]: true });
  }
  if (!state[copy]) return;
  step('fault', `The broker loses the copy for ${name}.`, { [copy]: false });
  const other = state[`${receiver === 'order' ? 'billing' : 'order'}Inbox`];
  const known = state[inbox] !== 'none' || keeps('inboxKeyNamesConsumer') ? state[inbox] : other;
  if (known !== 'none') {
    step('exchange', `The copy for ${name} arrives: the inbox replays *${known}*.`, {
      [copy]: false,
      [receipt]: known,
    });
    return;
  }
  const effect: Partial<State> = { [`${receiver}Effects`]: state[`${receiver}Effects`] === 0 ? 1 : 2 };
  for (const verdict of ['accepted', 'rejected'] as const) {
    const done: Partial<State> = { [inbox]: verdict, ...(verdict === 'accepted' && effect) };
    const sentence = `The copy for ${name} arrives and is ${verdict}`;
    step('exchange', `${sentence}.`, { ...done, [copy]: false, [receipt]: verdict });
    step('fault', `${sentence}; a crash before the receipt.`, done);
  }
}

function receiptSteps(state: State, receiver: Receiver, keeps: Keeps, step: Step<State>): void {
  const receipt = `${receiver}Receipt` as const;
  const verdict = state[receipt];
  if (verdict === 'none') return;
  const gone: Partial<State> = { [receipt]: 'none' };
  const asked = keeps('receiptNamesReceiver') ? [receiver] : RECEIVERS;
  const closing = asked.filter((target) => state[`${target}Row`] === 'pending');
  const row = verdict === 'accepted' ? 'completed' : 'compensated';
  const alreadyRan = state.orderCompensations + state.billingCompensations > 0;
  const compensates = verdict === 'rejected' && (keeps('compensationPerReceiver') || !alreadyRan);
  let change: Partial<State> = {};
  for (const target of closing) {
    change = { ...change, [`${target}Row`]: row, ...(compensates && { [`${target}Compensations`]: 1 }) };
  }
  const ran = verdict === 'rejected' ? (compensates ? ', @Compensate runs' : ', @Compensate does not run again') : '';
  const effect = closing.length > 0 ? `${closing.map(nameOf).join(' and ')} ${row}${ran}` : 'no row to close';
  const sentence = `The receipt *${verdict}* of ${nameOf(receiver)} arrives: ${effect}`;
  step('exchange', `${sentence}.`, { ...change, ...gone });
  step('fault', `${sentence}; a copy stays in the queue.`, change);
  step('fault', `The broker loses the receipt of ${nameOf(receiver)}.`, gone);
}
