import * as is from '../state';
import { Change, Turn } from '../state';

type Receipt = 'accepted' | 'rejected' | 'deferred' | 'unprocessable' | 'EXPIRED';

const RECEIPTS: Record<Receipt, Change> = {
  accepted: { receiptAccepted: true },
  rejected: { receiptRejected: true },
  deferred: { receiptDeferred: true },
  unprocessable: { receiptUnprocessable: true },
  EXPIRED: { receiptExpired: true },
};

/** What the inbox makes of a copy of the message or of a CANCEL. (R2–R5, R8, R9, R12, R14) */
export function consumerSteps(turn: Turn): void {
  if (turn.state.consumer !== 'idle') transactionSteps(turn);
  if (turn.state.request) requestSteps(turn);
  if (turn.state.cancel) cancelSteps(turn);
}

/** R14: inbox row? → horizon? → handler known, payload valid? → execute. */
function requestSteps(turn: Turn): void {
  const { state, rules } = turn;
  const row = rules.inboxKey ? state.inbox : 'none';
  const tooOld = rules.horizon && state.age !== state.copyRecorded;
  const horizonFirst = tooOld && !rules.inboxBeforeHorizon;
  const handlerFirst = state.handlerRemoved && !rules.inboxBeforeHandler;
  if (row !== 'none' && !horizonFirst && !handlerFirst) {
    if (rules.duplicatesAreAnswered)
      answer(turn, 'request', 'exchange', `A copy arrives: the inbox replays *${row}*`, {}, row);
    else answer(turn, 'request', 'exchange', 'A copy arrives: the inbox knows it and stays silent', {});
  } else if (tooOld) {
    answer(
      turn,
      'request',
      'exchange',
      'A copy arrives, older than the horizon and unknown to the inbox',
      {},
      'EXPIRED',
    );
  } else if (state.handlerRemoved) {
    answer(
      turn,
      'request',
      'exchange',
      'A copy arrives at a consumer without its handler',
      noVerdict(turn),
      'unprocessable',
    );
  } else {
    executeSteps(turn);
  }
}

/** The handler runs: it accepts, rejects, or fails for a technical reason. */
function executeSteps(turn: Turn): void {
  const { state, rules, step } = turn;
  const failure = rules.failureIsNoVerdict ? (rules.failureIsAnswered ? 'deferred' : undefined) : 'rejected';
  answer(
    turn,
    'request',
    'fault',
    'A copy arrives: the handler fails for a technical reason and everything rolls back',
    {},
    failure,
  );
  answer(
    turn,
    'request',
    'fault',
    'A copy arrives at an instance that does not know its type',
    noVerdict(turn),
    'unprocessable',
  );
  if (state.consumer === 'idle') {
    step('exchange', 'A copy arrives: the handler rejects it and its work is rolled back.', { consumer: 'rejecting' });
  }
  const effect: Change = { effects: is.oneMore(state.effects) };
  const accepted: Change = { ...effect, inbox: 'accepted', verdictsStored: is.oneMore(state.verdictsStored) };
  if (rules.oneConsumerTransaction) {
    answer(turn, 'request', 'exchange', 'A copy arrives: effect and verdict *accepted* commit', accepted, 'accepted');
    answer(
      turn,
      'request',
      'fault',
      'A copy arrives: *accepted* commits, but the consumer never learns it',
      accepted,
      'deferred',
    );
  } else if (state.consumer === 'idle') {
    step('exchange', 'A copy arrives: the effect commits on its own.', { ...effect, consumer: 'effectCommitted' });
  }
  if (!rules.receiptAfterCommit) {
    answer(turn, 'request', 'fault', 'A copy arrives: the receipt goes out first, then COMMIT fails', {}, 'accepted');
  }
}

/** The second half of what the consumer has begun: usually the insert of a rejection. (R3, R4) */
function transactionSteps(turn: Turn): void {
  const { state, rules, step } = turn;
  const idle: Change = { consumer: 'idle' };
  const stored: Change = { ...idle, verdictsStored: is.oneMore(state.verdictsStored) };
  step('fault', 'The consumer dies between its two steps.', idle);
  if (state.consumer === 'effectCommitted') {
    answer(turn, 'request', 'exchange', 'The inbox row follows', { ...stored, inbox: 'accepted' }, 'accepted');
  } else if (state.inbox !== 'none' && rules.inboxKey) {
    const said = rules.rejectionYields ? state.inbox : 'rejected';
    const what = rules.rejectionYields ? `replays *${said}*` : 'answers its own rejection all the same';
    answer(turn, 'request', 'exchange', `The rejection finds *${state.inbox}* in the inbox and ${what}`, idle, said);
  } else {
    const row: Change = rules.rejectionIsStored ? { ...stored, inbox: 'rejected' } : idle;
    const what = rules.rejectionIsStored ? 'is stored in the inbox' : 'is not stored';
    answer(turn, 'request', 'exchange', `The rejection ${what}`, row, 'rejected');
    answer(turn, 'request', 'fault', `The rejection ${what}, but the consumer never learns it`, row, 'deferred');
  }
}

/** R8: an inbox row is replayed; without one the cancellation itself becomes the verdict, unless it may be too late. */
function cancelSteps(turn: Turn): void {
  const { state, rules, step } = turn;
  const row = rules.inboxKey ? state.inbox : 'none';
  const tooOld = rules.horizon && state.age !== 'young';
  const horizonFirst = tooOld && !rules.inboxBeforeHorizon;
  if ((row === 'accepted' || row === 'rejected') && !horizonFirst) {
    if (rules.duplicatesAreAnswered)
      answer(turn, 'cancel', 'exchange', `CANCEL arrives: the inbox replays *${row}*`, {}, row);
    else answer(turn, 'cancel', 'exchange', 'CANCEL arrives: the inbox knows the message and stays silent', {});
  } else if (tooOld && rules.cancelObeysHorizon) {
    answer(
      turn,
      'cancel',
      'exchange',
      'CANCEL arrives, older than the horizon and unknown to the inbox',
      {},
      'EXPIRED',
    );
  } else if (state.handlerRemoved && !rules.cancelNeedsNoHandler) {
    answer(turn, 'cancel', 'exchange', 'CANCEL arrives at a consumer without the handler', {}, 'unprocessable');
  } else if (!rules.unknownCancelIsAnswered) {
    step('exchange', 'CANCEL arrives for a message nobody knows and is dropped.', { cancel: false });
  } else {
    const row: Change = { inbox: 'rejected', verdictsStored: is.oneMore(state.verdictsStored) };
    const what = rules.cancelIsStored ? 'stores and answers' : 'answers but does not store';
    answer(
      turn,
      'cancel',
      'exchange',
      `CANCEL arrives: the inbox ${what} CANCELLED`,
      rules.cancelIsStored ? row : {},
      'rejected',
    );
  }
}

/** R14: everything but a verdict leaves no row. */
const noVerdict = ({ rules }: Turn): Change => (rules.onlyVerdictsAreStored ? {} : { inbox: 'unprocessable' });

/**
 * Every answer can end in three ways: published and acked; published, but the copy comes again (a crash before the ack,
 * or a duplicate); or a crash before anything is published, and the copy comes again.
 */
function answer(
  { rules, step }: Turn,
  copy: 'request' | 'cancel',
  kind: 'exchange' | 'fault',
  what: string,
  change: Change,
  receipt?: Receipt,
): void {
  const gone: Change = { [copy]: false };
  if (!receipt) {
    step(kind, `${what}; no receipt, acked.`, change, gone);
    step('fault', `${what}; no receipt, and a crash before the ack.`, change);
    return;
  }
  const published = RECEIPTS[receipt];
  step(kind, `${what}; receipt *${receipt}*, acked.`, change, published, gone);
  step('fault', `${what}; receipt *${receipt}*, but a copy stays in the queue.`, change, published);
  const order: Change = rules.receiptBeforeAck ? {} : gone;
  step('fault', `${what}; then a crash before the receipt.`, change, order);
}
