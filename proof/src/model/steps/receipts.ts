import * as is from '../state';
import { Change, Turn, Verdict } from '../state';

type Copy = 'receiptAccepted' | 'receiptRejected' | 'receiptDeferred' | 'receiptUnprocessable' | 'receiptExpired';

const HANDLERS: Record<Verdict, string> = { accepted: '@OnAccepted', rejected: '@Compensate' };

/** The producer applies receipts: verdicts by the guard of R6, everything else only where the chart allows it. */
export function receiptSteps(turn: Turn): void {
  const { state } = turn;
  if (state.receiptAccepted) verdictSteps(turn, 'receiptAccepted', 'accepted');
  if (state.receiptRejected) verdictSteps(turn, 'receiptRejected', 'rejected');
  if (state.applier !== 'idle') storeAnsweredSteps(turn, state.applier);
  if (state.receiptDeferred) deferredSteps(turn);
  if (state.receiptUnprocessable) unprocessableSteps(turn);
  if (state.receiptExpired) expiredSteps(turn);
}

/** A verdict closes the row and runs its follow-up, or is stored as *answered* for somebody who can. (R6, R7, R13) */
function verdictSteps(turn: Turn, copy: Copy, verdict: Verdict): void {
  const { state, rules, step } = turn;
  if (!takesVerdict(turn)) return ignoreSteps(turn, copy, verdict);
  const handler = HANDLERS[verdict];
  const receipt = `The receipt *${verdict}* arrives`;
  const closed = is.closed(rules, verdict);
  if (rules.followUpWithFinalState) {
    take(turn, copy, 'exchange', `${receipt}: the row is ${closed.delivery}, ${handler} runs`, {
      ...closed,
      ...is.followUp(state, verdict),
    });
  } else if (!state.followUpCommitted) {
    step('exchange', `${receipt}: ${handler} commits on its own.`, {
      ...is.followUp(state, verdict),
      followUpCommitted: true,
    });
  } else {
    step('exchange', `The row is ${closed.delivery}.`, closed, { [copy]: false, followUpCommitted: false });
    step('fault', 'The receipt applier dies before it closes the row.', { followUpCommitted: false });
  }
  if (!rules.failedFollowUpIsAnswered) {
    take(turn, copy, 'fault', `${receipt}: ${handler} throws and the receipt is dropped`, { verdictSwallowed: true });
  } else if (state.applier === 'idle') {
    step('fault', `${receipt}: ${handler} throws, everything rolls back.`, { applier: verdict });
  }
  if (!state.followUpKnown) {
    const what = `at an instance that knows of no ${handler}, which closes the row: ${closed.delivery}`;
    take(turn, copy, 'exchange', `The receipt *${verdict}* arrives ${what}`, closed);
  }
  if (rules.rowKnowsFollowUp) {
    const what = `at an instance without ${handler}: the row is answered`;
    take(turn, copy, 'fault', `The receipt *${verdict}* arrives ${what}`, is.answered(rules, verdict));
  } else {
    const what = `at an instance without ${handler}, which closes the row: ${closed.delivery}`;
    take(turn, copy, 'fault', `The receipt *${verdict}* arrives ${what}`, closed);
  }
}

function takesVerdict({ state, rules }: Turn): boolean {
  if (!rules.verdictIsGuarded) return is.rowExists(state);
  if (state.delivery !== 'parked') return is.awaitsVerdict(state);
  return rules.verdictMovesParked && (state.verdict === 'none' || !rules.verdictIsWrittenOnce);
}

/** A receipt that moves nothing; on a discarded row the verdict is still written down. */
function ignoreSteps(turn: Turn, copy: Copy, verdict: Verdict): void {
  const { state, rules } = turn;
  const fresh = is.rowExists(state) && state.verdict === 'none';
  if (fresh && state.delivery === 'discarded' && rules.discardedKeepsVerdict) {
    take(turn, copy, 'exchange', `The receipt *${verdict}* arrives: recorded on the discarded row, alarmed`, {
      verdict,
    });
  } else {
    const swallowed: Change = fresh ? { verdictSwallowed: true } : {};
    take(turn, copy, 'exchange', `The receipt *${verdict}* arrives and is ignored (${state.delivery})`, swallowed);
  }
}

/** A follow-up threw and was rolled back; a second transaction stores the verdict, under the same guard. (R6) */
function storeAnsweredSteps(turn: Turn, verdict: Verdict): void {
  const { state, rules, step } = turn;
  const copy = verdict === 'accepted' ? 'receiptAccepted' : 'receiptRejected';
  const matches = rules.answeredIsGuarded ? is.awaitsVerdict(state) : is.rowExists(state);
  const from = is.awaitsVerdict(state) ? '' : `, which was ${state.delivery}`;
  const what = matches ? `stores the row as answered${from}` : 'finds no row to store as answered';
  const row: Change = matches ? is.answered(rules, verdict) : {};
  step('exchange', `A second transaction ${what}; the receipt is acked.`, row, { applier: 'idle', [copy]: false });
  step('fault', `A second transaction ${what}; a crash before the ack.`, row, { applier: 'idle' });
  step('fault', 'The receipt applier dies between its two transactions.', { applier: 'idle' });
}

/** *deferred* is no verdict: it only brings an open row forward. */
function deferredSteps(turn: Turn): void {
  const { state, rules } = turn;
  const { delivery } = state;
  const decided = delivery === 'answered' || is.isFinal(delivery);
  const moves =
    is.isUnderway(state) ||
    (delivery === 'cancelling' && !rules.deferredSparesCancelling) ||
    (delivery === 'parked' && !rules.deferredSparesParked) ||
    (decided && !rules.deferredSparesDecided);
  if (!moves) return take(turn, 'receiptDeferred', 'exchange', 'The receipt *deferred* arrives and is ignored', {});
  const pending: Change = { delivery: 'pending', nextAt: true, ...is.clearLease(rules) };
  take(turn, 'receiptDeferred', 'exchange', `The receipt *deferred* arrives: the ${delivery} row is pending`, pending);
}

/** *unprocessable* is no verdict either: it asks for a person. */
function unprocessableSteps(turn: Turn): void {
  const { state, rules } = turn;
  const moves = is.isUnderway(state) || (is.rowExists(state) && !rules.unprocessableSparesDecided);
  const arrives = 'The receipt *unprocessable* arrives';
  if (!moves) return take(turn, 'receiptUnprocessable', 'exchange', `${arrives} and is ignored`, {});
  const what = `${arrives}: the ${state.delivery} row is`;
  if (rules.unprocessableIsNoVerdict) {
    take(turn, 'receiptUnprocessable', 'exchange', `${what} parked`, is.parked(rules));
  } else {
    const compensated: Change = { ...is.closed(rules, 'rejected'), ...is.followUp(state, 'rejected') };
    take(turn, 'receiptUnprocessable', 'exchange', `${what} compensated`, compensated);
  }
}

/** *EXPIRED* parks a cancelling row too: asking again could not help. */
function expiredSteps(turn: Turn): void {
  const { state, rules } = turn;
  const moves = is.isUnderway(state) || (state.delivery === 'cancelling' && rules.expiredParksCancelling);
  if (!moves) return take(turn, 'receiptExpired', 'exchange', 'The receipt *EXPIRED* arrives and is ignored', {});
  const what = `The receipt *EXPIRED* arrives: the ${state.delivery} row is parked`;
  take(turn, 'receiptExpired', 'exchange', what, is.parked(rules));
}

/** A receipt is acked after its transaction, so it may come again. */
function take({ step }: Turn, copy: Copy, kind: 'exchange' | 'fault', what: string, change: Change): void {
  step(kind, `${what}.`, change, { [copy]: false });
  step('fault', `${what}; a copy stays in the queue.`, change);
}
