/**
 * Every rule of the protocol as a switch. `true` is the protocol; the sentence is what the rule says. The steps ask these
 * switches, so removing a rule changes exactly the lines that mention it.
 */
export const RULES = {
  // R1 fenced writes
  markNamesStates: 'A mark names the states it may leave.',
  markNamesToken: 'A mark names the lease token.',
  transitionsClearLease: 'Every transition that is not a mark clears the lease token.',
  // R2–R5 the inbox
  inboxKey: 'The inbox has one row per consumer, producer and message.',
  oneConsumerTransaction: 'Inbox row, effect and verdict commit in one transaction.',
  rejectionIsStored: 'A rejection is stored as an inbox row.',
  rejectionYields: 'A rejection that finds another verdict in the inbox replays that one.',
  duplicatesAreAnswered: 'A duplicate answers the stored verdict.',
  receiptAfterCommit: 'The receipt goes out after the known commit.',
  // R6, R7 receipts
  verdictIsGuarded: 'A verdict is applied only to a row that may still take one.',
  verdictIsWrittenOnce: 'A parked row that has a verdict takes no other.',
  answeredIsGuarded: 'The transaction that stores *answered* has the same guard.',
  followUpRollsBack: 'A follow-up that closes no row rolls back.',
  followUpWithFinalState: 'Follow-up and final state commit together.',
  // R8 giving up
  givesUpByHandshake: 'Past the deadline the producer asks; the consumer decides.',
  cancelIsStored: 'The consumer stores CANCELLED as its verdict.',
  unknownCancelIsAnswered: 'A CANCEL is answered even if its message never arrived.',
  cancelObeysHorizon: 'A CANCEL older than the horizon and without an inbox row is EXPIRED, and nothing is stored.',
  // R9 horizon and retention
  horizon: 'A message older than the horizon and without an inbox row is never executed.',
  inboxOutlivesHorizon: 'An inbox row is kept longer than the horizon.',
  retentionHasMargin: 'It is kept a day longer, so that no consumer transaction can span the gap.',
  ageOfTheOriginal: 'A resend carries the recorded time of the original.',
  inboxBeforeHorizon: 'The horizon is asked only after the inbox.',
  // R10–R13
  businessAndRowTogether: 'Business change and message row commit in one transaction.',
  sentIsResent: 'A sent row is resent until a verdict comes.',
  failureIsNoVerdict: 'A technical failure is no verdict.',
  failureIsAnswered: 'A technical failure is answered *deferred*.',
  serviceKnowsFollowUp:
    'What a row expects is asked of the service when the row is closed, not of the process that recorded it.',
  registeredFirst: 'A process registers its follow-ups before it records.',
  rowKnowsFollowUp: 'An instance without the expected handler stores *answered* and does not close the row.',
  // R14 the order of the inbox’s questions
  inboxBeforeHandler: 'The inbox is asked before handler and payload.',
  onlyVerdictsAreStored: '*unprocessable* leaves no inbox row.',
  cancelNeedsNoHandler: 'A CANCEL needs neither handler nor payload.',
  // R15 hand-off
  handOffAfterCommit: 'The hand-off waits for COMMIT.',
  handOffKnowsCommit: 'A COMMIT without an answer hands nothing off.',
  handOffSawRow: 'The hand-off happens only if the last statement still saw the row.',
  // the chart of states
  leaseEndsByItself: 'A lease is a `next_at` in the future, not a state.',
  deferredSparesDecided: '*deferred* moves no answered or final row.',
  deferredSparesCancelling: '*deferred* moves no cancelling row.',
  deferredSparesParked: '*deferred* moves no parked row.',
  unprocessableSparesDecided: '*unprocessable* moves only pending and sent rows.',
  unprocessableIsNoVerdict: '*unprocessable* never compensates.',
  expiredParksCancelling: 'EXPIRED parks a cancelling row too.',
  verdictMovesParked: 'A verdict moves a parked row.',
  failedFollowUpIsAnswered: 'A verdict whose follow-up throws is stored as *answered*.',
  cancelSparesAnswered: 'A deadline leaves an answered row alone.',
  parkedMayBeRetried: 'A parked row may be retried.',
  retryKeepsVerdict: 'Retrying a row that has a verdict makes it answered.',
  retryKeepsCancel: 'Retrying a row that was asked to cancel makes it cancelling.',
  retryResetsAttempts: 'A retry resets the attempts.',
  parkedMayBeCancelled: 'A parked row may be cancelled.',
  discardedKeepsVerdict: 'A verdict for a discarded row is recorded on it.',
  // For speed
  handOffIsLeased: 'A fresh row is leased to its recorder.',
  markMayBeSkipped: 'The sent mark may be skipped when a receipt is here already.',
  receiptBeforeAck: 'The receipt is published before the ack.',
} as const;

export type RuleName = keyof typeof RULES;
export type Rules = Readonly<Record<RuleName, boolean>>;

/** The protocol as designed: every rule is kept. */
export const BASELINE = Object.fromEntries(Object.keys(RULES).map((name) => [name, true])) as Rules;
