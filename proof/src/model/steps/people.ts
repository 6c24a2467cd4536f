import * as is from '../state';
import { Change, Turn } from '../state';

/** Operators, deploys, and the passing of time. (cancel, retry, discard; R8, R9, R14) */
export function peopleSteps(turn: Turn): void {
  operatorSteps(turn);
  ageSteps(turn);
  deploySteps(turn);
}

function operatorSteps({ state, rules, step }: Turn): void {
  const cancelling: Change = { delivery: 'cancelling', cancelAsked: true, nextAt: true };
  if (is.isUnderway(state) && rules.givesUpByHandshake) {
    step('time', 'Somebody calls cancel(id): the row is cancelling.', { ...cancelling, ...is.clearLease(rules) });
  }
  if (state.delivery !== 'parked') return;
  const { verdict, cancelAsked } = state;
  if (rules.parkedMayBeRetried) {
    const keepsVerdict = verdict !== 'none' && rules.retryKeepsVerdict;
    const delivery = keepsVerdict ? 'answered' : cancelAsked && rules.retryKeepsCancel ? 'cancelling' : 'pending';
    step('person', `An operator calls retry(id): the row is ${delivery}.`, { delivery, nextAt: true });
  }
  if (verdict === 'none' && rules.parkedMayBeCancelled) {
    step('person', 'An operator calls cancel(id): the parked row is cancelling.', cancelling);
  }
  step('person', 'An operator calls discard(id, reason).', { delivery: 'discarded' });
}

/** R9: an inbox row is pruned only past the horizon, and a day later, so that no consumer transaction can span the day. */
function ageSteps({ state, rules, world, step }: Turn): void {
  if (!world.ages || !state.businessCommitted) return;
  if (state.age === 'young')
    step('time', 'Time passes: the message is older than the horizon.', { age: 'pastHorizon' });
  const old = state.age === 'pastHorizon' || !rules.inboxOutlivesHorizon;
  const quiet = state.consumer === 'idle' || !rules.retentionHasMargin;
  if (state.inbox !== 'none' && old && quiet) step('time', 'Time passes: the inbox row is pruned.', { inbox: 'none' });
}

function deploySteps({ state, world, step }: Turn): void {
  if (!world.deploys || !state.businessCommitted) return;
  if (state.handlerRemoved) step('time', 'A deploy brings the consumer’s handler back.', { handlerRemoved: false });
  else step('time', 'A deploy removes the consumer’s handler.', { handlerRemoved: true });
}
