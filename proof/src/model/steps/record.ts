import { Change, Turn } from '../state';

const COMMITTED: Change = { businessCommitted: true, delivery: 'pending', nextAt: true };
const ROLLED_BACK: Change = { delivery: 'rolledBack' };

/** The caller's transaction: the business change and the message row, then the hand-off. (R10, R15) */
export function recordSteps({ state, rules, world, step }: Turn): void {
  if (state.delivery === 'none') {
    if (rules.businessAndRowTogether) {
      const early: Change = rules.handOffAfterCommit ? {} : { recorder: 'holds' };
      step('producer', 'A transaction changes the business data and adds the message.', {
        delivery: 'recording',
        ...early,
      });
    } else {
      const change: Change = { businessCommitted: true, delivery: 'recording' };
      step('producer', 'The business change commits; the message row is still to be inserted.', change);
    }
  }
  if (!rules.registeredFirst && !state.followUpKnown) {
    step('producer', 'The recorder registers its follow-ups.', { followUpKnown: true });
  }
  if (state.delivery !== 'recording') return;
  if (!rules.businessAndRowTogether) {
    step('producer', 'The message row is inserted.', COMMITTED);
    step('fault', 'The process dies between the two writes.', { delivery: 'lost' });
    return;
  }
  const leased: Change = rules.handOffIsLeased ? { lease: 'recorder' } : {};
  const inMemory: Change = { recorder: 'holds' };
  if (!rules.handOffAfterCommit) {
    step('producer', 'COMMIT is acknowledged.', COMMITTED, leased);
  } else if (world.handsOff) {
    const sentence = 'COMMIT is acknowledged; the recorder takes the fresh row over in memory.';
    step('producer', sentence, COMMITTED, leased, inMemory);
    step('fault', 'COMMIT succeeds, but nothing is handed off: its answer is lost, or the buffer is full.', COMMITTED);
  } else {
    step('producer', 'COMMIT is acknowledged; the row is due.', COMMITTED);
  }
  const unknown: Change = { followUpKnown: false };
  if (!rules.serviceKnowsFollowUp) {
    const sentence = 'COMMIT is acknowledged; the recorder has no follow-ups, so the row expects none.';
    step('fault', sentence, COMMITTED, unknown);
  }
  if (!rules.registeredFirst) {
    const sentence = 'COMMIT is acknowledged; the recorder has not registered its follow-ups yet.';
    step('fault', sentence, COMMITTED, unknown);
  }
  step('fault', 'The transaction rolls back.', ROLLED_BACK);
  if (!rules.handOffKnowsCommit) {
    const sentence = 'COMMIT gets no answer: it was rolled back, but the recorder hands the message off.';
    step('fault', sentence, ROLLED_BACK, inMemory);
  }
  if (!rules.handOffSawRow) {
    const sentence =
      'The savepoint around add is rolled back, the rest commits: the recorder hands off a row that is gone.';
    step('fault', sentence, ROLLED_BACK, inMemory);
  }
}
