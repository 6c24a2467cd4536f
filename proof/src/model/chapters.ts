import { RuleName } from './rules';
import { SmallWorld } from './worlds';

/** One experiment: the protocol without some of its rules. */
export interface Removal {
  /** R6 is the rule itself, R6a a part of it. */
  readonly id: string;
  readonly without: readonly RuleName[];
  /** The property that tells the story best; absent when nothing may break, because the rule is for speed only. */
  readonly breaks?: string;
  /** The smallest world in which the loss shows; *young* if nothing is said. */
  readonly world?: SmallWorld;
  /** What is removed, where the switches' own sentences do not say it well, or what a rule for speed is good for. */
  readonly says?: string;
  /** Why there is no way on from the end of the trace, where a liveness property breaks. */
  readonly thereafter?: string;
}

/** An experiment on a smaller model with rules of its own. */
export type SideRemoval<Rule extends string> = Pick<Removal, 'id' | 'breaks' | 'thereafter'> & {
  readonly without: readonly Rule[];
};

/** A rule of the protocol or a part of its chart, with every experiment that belongs to it. */
export interface Chapter {
  readonly id: string;
  readonly title: string;
  readonly says: string;
  readonly removals: readonly Removal[];
}

/** Every rule, removed one at a time; a rule with several parts is removed part by part. */
export const CHAPTERS: readonly Chapter[] = [
  {
    id: 'R1',
    title: 'Fenced writes',
    says: 'Every mark names the lease token and the states it may leave; every other transition clears the token.',
    removals: [
      {
        id: 'R1',
        without: ['markNamesStates', 'markNamesToken'],
        breaks: 'I11',
        says: 'Both fences: a mark overwrites whatever it finds.',
      },
      {
        id: 'R1a',
        without: ['markNamesStates', 'transitionsClearLease'],
        breaks: 'I5',
        says: 'The states as a fence, and the clearing of the token: it survives receipts, cancels and operators.',
      },
    ],
  },
  {
    id: 'R2',
    title: 'Inbox key',
    says: 'The inbox has one row per consumer, producer and message.',
    removals: [{ id: 'R2', without: ['inboxKey'], breaks: 'I1' }],
  },
  {
    id: 'R3',
    title: 'One consumer transaction',
    says: 'Inbox row, business effect and verdict commit together, and the receipt goes out only after the known commit.',
    removals: [
      { id: 'R3', without: ['oneConsumerTransaction'], breaks: 'I1' },
      { id: 'R3a', without: ['receiptAfterCommit'], breaks: 'I3' },
    ],
  },
  {
    id: 'R4',
    title: 'A rejection is a stored verdict too',
    says: 'The work is rolled back and the rejection is stored; if somebody else decided meanwhile, their verdict is replayed.',
    removals: [
      { id: 'R4', without: ['rejectionIsStored'], breaks: 'I6' },
      { id: 'R4a', without: ['rejectionYields'], breaks: 'I6' },
    ],
  },
  {
    id: 'R5',
    title: 'Replay',
    says: 'A duplicate answers the stored verdict and never runs the handler.',
    removals: [
      {
        id: 'R5',
        without: ['duplicatesAreAnswered'],
        breaks: 'L2',
        thereafter: 'Every further copy is met with silence.',
      },
    ],
  },
  {
    id: 'R6',
    title: 'Verdict guard',
    says: 'A verdict is stored by compare-and-set on an open row that has none; a follow-up that closes no row rolls back.',
    removals: [
      { id: 'R6', without: ['verdictIsGuarded'], breaks: 'I5' },
      { id: 'R6a', without: ['verdictIsWrittenOnce'], breaks: 'I12', world: 'contradictions' },
      { id: 'R6b', without: ['answeredIsGuarded'], breaks: 'I5' },
      { id: 'R6c', without: ['followUpRollsBack'], breaks: 'I5', world: 'two relays' },
    ],
  },
  {
    id: 'R7',
    title: 'Follow-up and final state in one transaction',
    says: 'The row is closed by the transaction that runs `@OnAccepted` or `@Compensate`.',
    removals: [{ id: 'R7', without: ['followUpWithFinalState'], breaks: 'I5' }],
  },
  {
    id: 'R8',
    title: 'Give-up by handshake',
    says: 'The producer only asks to give up; the consumer stores and answers its verdict; only a receipt ends the row.',
    removals: [
      { id: 'R8', without: ['givesUpByHandshake'], breaks: 'I6' },
      { id: 'R8a', without: ['cancelIsStored'], breaks: 'I6' },
      {
        id: 'R8b',
        without: ['unknownCancelIsAnswered'],
        breaks: 'L4',
        thereafter: 'The message never arrived, and every CANCEL for it is dropped.',
      },
      { id: 'R8c', without: ['cancelObeysHorizon'], breaks: 'I6', world: 'ageing' },
    ],
  },
  {
    id: 'R9',
    title: 'The inbox outlives every copy',
    says: 'Past the horizon nothing is executed without an inbox row, and inbox rows are kept longer than that.',
    removals: [
      { id: 'R9', without: ['horizon'], breaks: 'I1', world: 'ageing' },
      { id: 'R9a', without: ['inboxOutlivesHorizon'], breaks: 'I1', world: 'ageing' },
      { id: 'R9b', without: ['retentionHasMargin'], breaks: 'I6', world: 'ageing' },
      { id: 'R9c', without: ['ageOfTheOriginal'], breaks: 'I1', world: 'ageing' },
      {
        id: 'R9d',
        without: ['inboxBeforeHorizon'],
        breaks: 'L5',
        world: 'ageing',
        thereafter: 'Every copy and every CANCEL is answered EXPIRED, although the verdict is in the inbox.',
      },
    ],
  },
  {
    id: 'R10',
    title: 'Business change and message row in one transaction',
    says: 'Either both are there or neither is.',
    removals: [{ id: 'R10', without: ['businessAndRowTogether'], breaks: 'I8' }],
  },
  {
    id: 'R11',
    title: 'Sent is not done',
    says: 'A message is resent until its verdict comes.',
    removals: [{ id: 'R11', without: ['sentIsResent'], breaks: 'L2', thereafter: 'Nobody publishes it again.' }],
  },
  {
    id: 'R12',
    title: 'A technical failure leaves no trace and is no verdict',
    says: 'Everything is rolled back, *deferred* is answered, and the message is acked.',
    removals: [{ id: 'R12', without: ['failureIsNoVerdict'], breaks: 'I6' }],
  },
  {
    id: 'R13',
    title: 'The row knows its follow-up',
    says: 'A process registers its follow-ups with the service before it records. A row is closed without one only if neither it nor the service expects one. A process that lacks the expected handler stores *answered* and leaves the rest to one that has it.',
    removals: [
      { id: 'R13a', without: ['rowKnowsFollowUp'], breaks: 'I4' },
      { id: 'R13b', without: ['serviceKnowsFollowUp'], breaks: 'I4' },
      { id: 'R13c', without: ['registeredFirst'], breaks: 'I4' },
    ],
  },
  {
    id: 'R14',
    title: 'The order of the inbox’s questions',
    says: 'Inbox row? → horizon? → CANCEL? → handler and payload? → execute. Everything but a verdict leaves no row.',
    removals: [
      {
        id: 'R14a',
        without: ['inboxBeforeHandler'],
        breaks: 'L5',
        world: 'deploys',
        thereafter: 'Every copy is *unprocessable*, although the verdict is in the inbox.',
      },
      {
        id: 'R14b',
        without: ['onlyVerdictsAreStored'],
        breaks: 'L2',
        thereafter: 'The inbox replays *unprocessable* to every copy, even at instances that know the type.',
      },
      {
        id: 'R14c',
        without: ['cancelNeedsNoHandler'],
        breaks: 'L4',
        world: 'deploys',
        thereafter: 'Every CANCEL is *unprocessable*, which moves no cancelling row.',
      },
    ],
  },
  {
    id: 'R15',
    title: 'Hand off only what surely committed',
    says: 'COMMIT was acknowledged, and the last statement of the transaction still saw the row.',
    removals: [
      { id: 'R15', without: ['handOffAfterCommit'], breaks: 'I7' },
      { id: 'R15a', without: ['handOffKnowsCommit'], breaks: 'I7' },
      { id: 'R15b', without: ['handOffSawRow'], breaks: 'I7' },
    ],
  },
  {
    id: 'R16',
    title: 'Check the lease before publishing',
    says: 'A model without a clock sees no harm in publishing late: at worst a duplicate. The arithmetic below does.',
    removals: [],
  },
  {
    id: 'T',
    title: 'The chart of states',
    says: 'Lines of the table of transitions that no rule above mentions.',
    removals: [
      { id: 'T1', without: ['leaseEndsByItself'], breaks: 'L1', thereafter: 'The row is leased for good.' },
      { id: 'T2', without: ['deferredSparesDecided'], breaks: 'I5' },
      { id: 'T3', without: ['deferredSparesCancelling'], breaks: 'I14' },
      { id: 'T4', without: ['deferredSparesParked'], breaks: 'I13' },
      { id: 'T5', without: ['unprocessableSparesDecided'], breaks: 'I5' },
      { id: 'T6', without: ['unprocessableIsNoVerdict'], breaks: 'I6' },
      {
        id: 'T7',
        without: ['expiredParksCancelling'],
        breaks: 'L1',
        world: 'ageing',
        thereafter: 'Every CANCEL is answered EXPIRED, which is ignored.',
      },
      { id: 'T8', without: ['verdictMovesParked'], breaks: 'I10' },
      { id: 'T9', without: ['failedFollowUpIsAnswered'], breaks: 'I10' },
      { id: 'T10', without: ['cancelSparesAnswered'], breaks: 'I12' },
      { id: 'T11', without: ['parkedMayBeRetried'], breaks: 'L3', thereafter: 'Nobody can bring the row back.' },
      {
        id: 'T12',
        without: ['retryKeepsVerdict'],
        breaks: 'L6',
        thereafter: 'A retry makes the row pending: it forgets the verdict that only the consumer could repeat.',
      },
      { id: 'T13', without: ['retryKeepsCancel'], breaks: 'I14' },
      {
        id: 'T14',
        without: ['retryResetsAttempts'],
        breaks: 'L3',
        thereafter: 'Retried, the row is parked again before anything is published.',
      },
      {
        id: 'T15',
        without: ['parkedMayBeCancelled'],
        breaks: 'L7',
        world: 'deploys',
        thereafter:
          'A retry only publishes what the consumer cannot process; a CANCEL, which it could answer, is refused.',
      },
      { id: 'T16', without: ['discardedKeepsVerdict'], breaks: 'I10' },
    ],
  },
  {
    id: 'S',
    title: 'For speed or visibility only',
    says: 'Without any one of these every property still holds. They are kept for what the last column says.',
    removals: [
      {
        id: 'S1',
        without: ['markNamesStates'],
        says: 'The token is a sufficient fence as long as every other transition clears it; the states are the fence that cannot be forgotten.',
      },
      {
        id: 'S2',
        without: ['markNamesToken'],
        says: 'The states are a sufficient fence. The token keeps `next_at` truthful: a late mark cannot postpone a retry.',
      },
      {
        id: 'S3',
        without: ['transitionsClearLease'],
        says: 'With the states as a fence a stale token does no harm; clearing it is what makes S1 true.',
      },
      {
        id: 'S4',
        without: ['failureIsAnswered'],
        says: 'Silence is enough, R11 asks again. *deferred* makes it sooner and shows the consumer’s error on the producer’s row.',
      },
      {
        id: 'S5',
        without: ['handOffIsLeased'],
        says: 'A sweep may publish the fresh row at the same time as its recorder; the lease saves that duplicate.',
      },
      { id: 'S6', without: ['markMayBeSkipped'], says: 'Skipping the mark saves a write.' },
      {
        id: 'S7',
        without: ['receiptBeforeAck'],
        says: 'A receipt lost between ack and publish is asked for again by R11 and replayed by R5; the order saves the wait.',
      },
    ],
  },
];
