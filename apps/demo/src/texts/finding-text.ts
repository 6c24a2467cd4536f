import type { Finding } from '../finding';
import { money } from '../money';
import type { Texts } from './en';

/** What a finding claims, and what was found. */
export function findingText(finding: Finding, texts: Texts): { claim: string; evidence: string } {
  const says = texts.invariants;
  const claim = says[finding.claim];
  switch (finding.claim) {
    case 'money':
      return { claim, evidence: says.moneyFound(money(finding.deposited), money(finding.left), money(finding.paid)) };
    case 'message':
      return { claim, evidence: says.messageFound(finding.purchases, finding.messages) };
    case 'order':
    case 'orderSoFar':
      return { claim, evidence: says.orderFound(finding.completed, finding.orders) };
    case 'open':
    case 'ended': {
      const counts = Object.entries(finding.states).map(([state, count]) => `${count} ${state}`);
      return { claim, evidence: counts.join(', ') };
    }
    default:
      return finding satisfies never;
  }
}
