import { Model } from './explorer';
import { holdings } from './holdings';
import { BASELINE, RuleName, Rules } from './rules';
import { FIELDS, INITIAL, World } from './state';
import { brokerSteps } from './steps/broker';
import { consumerSteps } from './steps/consumer';
import { peopleSteps } from './steps/people';
import { receiptSteps } from './steps/receipts';
import { recordSteps } from './steps/record';
import { relaySteps } from './steps/relay';

/**
 * The protocol of one request message with one consumer. `without` names the rules that are removed.
 *
 * The order of the groups decides only which of several equally short traces is told: the one in which the consumer and
 * its receipts come before relays that lose patience, a broker that loses copies, and people.
 */
export function protocol(world: World, without: readonly RuleName[] = []): Model<typeof FIELDS> {
  const rules: Rules = { ...BASELINE, ...Object.fromEntries(without.map((name) => [name, false])) };
  return {
    fields: FIELDS,
    initial: INITIAL,
    ...(world.relays === 2 && { twins: { actors: ['relayA', 'relayB'], owner: 'lease' } as const }),
    shows: holdings,
    steps(state, step) {
      const turn = { state, rules, world, step };
      recordSteps(turn);
      consumerSteps(turn);
      receiptSteps(turn);
      relaySteps(turn);
      brokerSteps(turn);
      peopleSteps(turn);
    },
  };
}
