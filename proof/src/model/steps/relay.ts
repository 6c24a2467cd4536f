import * as is from '../state';
import { Change, Delivery, Relay, State, Turn } from '../state';

const NAMES: Record<Relay, string> = { recorder: 'The recorder', relayA: 'Relay A', relayB: 'Relay B' };
const UNDERWAY: readonly Delivery[] = ['pending', 'sent'];

/** The recorder publishes what it was handed; the sweeping relays claim what is due. (R1, R8, R11) */
export function relaySteps(turn: Turn): void {
  const { state, world } = turn;
  if (state.recorder !== 'idle') workSteps(turn, 'recorder');
  for (const relay of world.relays === 2 ? (['relayA', 'relayB'] as const) : (['relayA'] as const)) {
    if (state[relay] === 'idle') claimSteps(turn, relay);
    else workSteps(turn, relay);
  }
}

/** An idle relay takes the row, if it is due. A lease in the future may end at any moment, so a leased row may be due too. */
function claimSteps({ state, rules, step }: Turn, relay: 'relayA' | 'relayB'): void {
  const { delivery } = state;
  if (!state.nextAt || !is.isOpen(delivery)) return;
  if (delivery === 'sent' && !rules.sentIsResent) return;
  const name = NAMES[relay];
  const lease: Change = { lease: relay, nextAt: rules.leaseEndsByItself };
  if (!state.attemptsSpent) {
    const work = delivery === 'answered' ? 'holdsFollowUp' : delivery === 'cancelling' ? 'holdsCancel' : 'holds';
    step('producer', `${name} claims the ${delivery} row.`, lease, { [relay]: work });
  }
  const spent: Change = rules.retryResetsAttempts ? {} : { attemptsSpent: true };
  step('time', `${name} finds the ${delivery} row due after its last attempt and parks it.`, {
    ...is.parked(rules),
    ...spent,
  });
  const cancelling: Change = { delivery: 'cancelling', cancelAsked: true, ...lease };
  if (is.isUnderway(state)) {
    if (rules.givesUpByHandshake) {
      step('time', `${name} finds the deadline passed: the row is cancelling.`, {
        ...cancelling,
        [relay]: 'holdsCancel',
      });
    } else {
      const alone: Change = { ...is.closed(rules, 'rejected'), ...is.followUp(state, 'rejected') };
      step('time', `${name} finds the deadline passed and compensates on its own authority.`, alone);
    }
  }
  if (delivery === 'answered' && !rules.cancelSparesAnswered) {
    const erased: Change = { ...cancelling, verdict: 'none', [relay]: 'holdsCancel' };
    step('time', `${name} finds the deadline passed and cancels the answered row.`, erased);
  }
}

/** A relay that holds something publishes it, or runs the follow-up, and marks what became of it. */
function workSteps(turn: Turn, relay: Relay): void {
  const { state, rules, step } = turn;
  const name = NAMES[relay];
  const idle = putDown(state, relay);
  step('fault', `${name} dies.`, idle);
  switch (state[relay]) {
    case 'holds': {
      const stamp: Change = rules.ageOfTheOriginal ? {} : { copyRecorded: state.age };
      step('exchange', `${name} publishes the message.`, stamp, { request: true, [relay]: 'published' });
      step('refused', `The broker refuses or returns what ${name} publishes.`, { [relay]: 'refused' });
      break;
    }
    case 'published':
      mark(turn, relay, 'producer', 'marks the row sent', { delivery: 'sent', nextAt: true });
      mark(turn, relay, 'fault', 'misses the confirm and puts the row back to pending', {
        delivery: 'pending',
        nextAt: true,
      });
      if (rules.markMayBeSkipped && hasReceipt(turn)) {
        step('exchange', `${name} skips the sent mark: a receipt is here already.`, idle);
      }
      break;
    case 'refused':
      mark(turn, relay, 'producer', 'puts the row back to pending', { delivery: 'pending', nextAt: true });
      break;
    case 'holdsCancel':
      step('exchange', `${name} publishes CANCEL.`, { cancel: true }, idle);
      step('refused', `The broker refuses the CANCEL of ${name}.`, idle);
      break;
    case 'holdsFollowUp':
      followUpSteps(turn, relay);
      break;
    case 'idle':
  }
}

/** R1: a mark names the lease token and the states it may leave; if no row matches, nothing happens. */
function mark(turn: Turn, relay: Relay, kind: 'producer' | 'fault', says: string, change: Change): void {
  const { state, rules, step } = turn;
  const owned = !rules.markNamesToken || state.lease === relay;
  const leavable = !rules.markNamesStates || UNDERWAY.includes(state.delivery);
  if (is.rowExists(state) && owned && leavable) {
    const from = UNDERWAY.includes(state.delivery) ? '' : `, which was ${state.delivery}`;
    step(kind, `${NAMES[relay]} ${says}${from}.`, change, { lease: 'none', [relay]: 'idle' });
  } else {
    step(kind, `${NAMES[relay]} ${says}: no row matches, nothing changes.`, putDown(state, relay));
  }
}

/** An answered row was claimed: close it and run its follow-up in one transaction, the row first. (R6, R7) */
function followUpSteps({ state, rules, step }: Turn, relay: Relay): void {
  const name = NAMES[relay];
  const { verdict } = state;
  const idle = putDown(state, relay);
  if (verdict === 'none') return step('producer', `${name} finds no verdict to follow up.`, idle);
  const handler = verdict === 'accepted' ? '@OnAccepted' : '@Compensate';
  const matches = state.delivery === 'answered' && (!rules.markNamesToken || state.lease === relay);
  if (!matches) {
    const leftover = rules.followUpRollsBack ? {} : is.followUp(state, verdict);
    const says = rules.followUpRollsBack ? 'rolls back' : `commits ${handler} all the same`;
    return step('producer', `${name} finds the row ${state.delivery} and no longer its own, and ${says}.`, {
      ...leftover,
      ...idle,
    });
  }
  step('fault', `In ${name}, ${handler} throws; the row stays answered.`, { lease: 'none', [relay]: 'idle' });
  const done: Change = { ...is.closed(rules, verdict), lease: 'none', [relay]: 'idle' };
  if (rules.followUpWithFinalState) {
    step('producer', `${name} closes the row and runs ${handler} in one transaction.`, {
      ...done,
      ...is.followUp(state, verdict),
    });
  } else if (!state.followUpCommitted) {
    step('producer', `${name} commits ${handler} on its own.`, {
      ...is.followUp(state, verdict),
      followUpCommitted: true,
    });
  } else {
    step('producer', `${name} closes the row.`, { ...done, followUpCommitted: false });
    step('fault', `${name} dies before it closes the row.`, { ...idle, followUpCommitted: false });
  }
}

/** A relay that is done, or dead, forgets its token: on the row it is then as good as none. */
function putDown(state: State, relay: Relay): Change {
  return state.lease === relay ? { [relay]: 'idle', lease: 'none' } : { [relay]: 'idle' };
}

function hasReceipt({ state }: Turn): boolean {
  return (
    state.receiptAccepted ||
    state.receiptRejected ||
    state.receiptDeferred ||
    state.receiptUnprocessable ||
    state.receiptExpired
  );
}
