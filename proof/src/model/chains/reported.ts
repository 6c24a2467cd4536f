import { SideRemoval } from '../chapters';
import { Model } from '../explorer';
import { deploySteps, Hop, hopSteps, more, stockHop, Verdict } from './hop';
import { Change, FIELDS, INITIAL, State } from './state';

/** What whoever writes it has to do, as switches; of the library it needs R1–R16 and nothing else. */
export const REPORT_RULES = {
  reportWithClose: 'The outcome is recorded in the transaction that closes the delivery that it is about.',
  reportNeverRefused: 'Whoever hears of an outcome never says no.',
} as const;

export type ReportRule = keyof typeof REPORT_RULES;

export const REPORT_REMOVALS: readonly SideRemoval<ReportRule>[] = [
  { id: 'W1', without: ['reportWithClose'], breaks: 'PC4', thereafter: 'No delivery is open, and the purchase is.' },
  {
    id: 'W2',
    without: ['reportNeverRefused'],
    breaks: 'PC4',
    thereafter: 'The outcome is final, and nobody heeds it.',
  },
];

/**
 * order-service accepts (the order is opened), asks stock-service, and tells user-service the outcome with a message of its own.
 * A request to withdraw would do at order-service what the deadline of *stock* does there.
 */
export function reported(without: readonly ReportRule[] = []): Model<typeof FIELDS> {
  const keeps = (rule: ReportRule): boolean => !without.includes(rule);
  const order: Hop = {
    ...{ name: 'order', from: 'user-service', to: 'order-service', givenUp: true },
    handle: (s) => [
      { says: 'it says no', does: { orderInbox: 'rejected' }, answer: 'rejected' },
      {
        says: 'the order is opened, and *stock* recorded',
        does: { orderInbox: 'accepted', opened: more(s.opened), stockRow: 'pending' },
        answer: 'accepted',
      },
    ],
    follow: (_, verdict) => (verdict === 'rejected' ? { purchase: 'rejected' } : {}),
  };
  const report: Change = keeps('reportWithClose') ? { thirdRow: 'pending' } : { inMemory: 'next' };
  const follow = (s: State, verdict: Verdict): Change => ({
    ...report,
    ...(verdict === 'rejected' && { closed: more(s.closed) }),
  });
  const outcome: Hop = {
    ...{
      name: 'third',
      called: 'outcome',
      from: 'order-service',
      to: 'user-service',
      givenUp: false,
      follow: () => ({}),
    },
    handle(s) {
      const purchase = s.stockRow === 'completed' ? 'completed' : 'rejected';
      return [
        { says: `the purchase is ${purchase}`, does: { thirdInbox: 'accepted', purchase }, answer: 'accepted' },
        ...(keeps('reportNeverRefused')
          ? []
          : [{ says: 'it says no', does: { thirdInbox: 'rejected' } as const, answer: 'rejected' as const }]),
      ];
    },
  };
  return {
    fields: FIELDS,
    initial: INITIAL,
    steps(s, step) {
      for (const hop of [order, stockHop('order-service', follow), outcome]) hopSteps(s, step, hop);
      deploySteps(s, step);
      if (s.inMemory === 'none') return;
      step('producer', 'order-service records the outcome.', { inMemory: 'none', thirdRow: 'pending' });
      step('fault', 'order-service dies between its two transactions.', { inMemory: 'none' });
    },
  };
}
