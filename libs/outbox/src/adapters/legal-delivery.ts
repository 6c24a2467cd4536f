import { FINAL_STATES, OPEN_STATES } from '../message/delivery';
import { VERDICT_IN } from '../message/rules';

/** True of a delivery that may be: the lists of `message/rules.ts` over its columns, in words that every SQL database has. */
export function legalDelivery(): string {
  const verdicts = Object.entries(VERDICT_IN).map(([state, holds]) => `when '${state}' then ${MAY_HOLD[holds]}`);
  return `(next_at is not null) = (state in (${words(OPEN_STATES)}))
    and (settled_at is not null) = (state in (${words(FINAL_STATES)}))
    and (lease_token is null or next_at is not null)
    and follow_up in ('none', 'accepted', 'rejected', 'both')
    and case state ${verdicts.join(' ')} else false end`;
}

const MAY_HOLD = {
  none: 'verdict is null',
  any: "coalesce(verdict in ('accepted', 'rejected'), true)",
  one: "coalesce(verdict in ('accepted', 'rejected'), false)",
  accepted: "coalesce(verdict = 'accepted', false)",
  rejected: "coalesce(verdict = 'rejected', false)",
} as const;

function words(list: readonly string[]): string {
  return list.map((word) => `'${word}'`).join(', ');
}
