import assert from 'node:assert/strict';
import type { DeliveryKey, Mark, OpenState } from '../message/delivery';
import {
  ACCEPTED,
  behaviour,
  DAY,
  MINUTE,
  REJECTED,
  type RowChange,
  type Scenario,
  SECOND,
  type Situation,
  SOURCE,
} from './store-contract-scenario';

const LATER = { waitMs: 5 * MINUTE, code: 'OUT_OF_STOCK', error: 'OUT_OF_STOCK: not yet' };
const FAILED = { waitMs: 5 * MINUTE, code: 'REFUSED', error: 'REFUSED: no room' };
const TROUBLE = { code: FAILED.code, lastError: FAILED.error };
const PARKED: RowChange = { state: 'parked', nextIn: 'never' };

/** What each mark makes of a row in each state that it may leave. */
const MARKED: readonly (readonly [OpenState, Mark, RowChange])[] = [
  ['pending', { kind: 'sent', waitMs: 5 * MINUTE }, { state: 'sent', nextIn: 5 * MINUTE, sentNow: true }],
  ['sent', { kind: 'sent', waitMs: 5 * MINUTE }, { nextIn: 5 * MINUTE, sentNow: true }],
  ['pending', { kind: 'delivered' }, { state: 'delivered', nextIn: 'never', sentNow: true, settledNow: true }],
  ['pending', { kind: 'retry', ...FAILED }, { ...TROUBLE, nextIn: 5 * MINUTE }],
  ['sent', { kind: 'retry', ...FAILED }, { ...TROUBLE, state: 'pending', nextIn: 5 * MINUTE }],
  ['cancelling', { kind: 'again', ...FAILED }, { ...TROUBLE, nextIn: 5 * MINUTE }],
  ['answered', { kind: 'again', waitMs: 5 * MINUTE, error: undefined }, { nextIn: 5 * MINUTE }],
  ['answered', { kind: 'again', ...FAILED }, { ...TROUBLE, nextIn: 5 * MINUTE }],
  ['pending', { kind: 'release', waitMs: 5 * MINUTE }, { attempts: 0, nextIn: 5 * MINUTE }],
  ['sent', { kind: 'release', waitMs: 5 * MINUTE }, { attempts: 1, nextIn: 5 * MINUTE }],
  ['cancelling', { kind: 'release', waitMs: 5 * MINUTE }, { attempts: 0, nextIn: 5 * MINUTE }],
  ['answered', { kind: 'release', ...FAILED }, { ...TROUBLE, attempts: 0, nextIn: 5 * MINUTE }],
];

type Write = (s: Scenario, key: DeliveryKey) => Promise<unknown>;

const accepted: RowChange = {
  state: 'completed',
  verdict: 'accepted',
  result: ACCEPTED.result,
  nextIn: 'never',
  settledNow: true,
};
const rejected: RowChange = {
  state: 'compensated',
  verdict: 'rejected',
  reason: REJECTED.reason,
  nextIn: 'never',
  settledNow: true,
};
const close: Write = (s, key) => s.close(key, ACCEPTED);
const closeMany: Write = (s, key) => s.outbox.closeMany([{ ...key, answer: REJECTED }]);
const keepAnswer: Write = (s, key) => s.outbox.keepAnswer(key, REJECTED, LATER);
const kept: RowChange = {
  state: 'answered',
  attempts: 0,
  verdict: 'rejected',
  reason: REJECTED.reason,
  nextIn: LATER.waitMs,
  code: LATER.code,
  lastError: LATER.error,
};
const cancel: Write = (s, key) => s.outbox.cancel(undefined, key.messageId, { reason: 'no more need' });
const cancelled: RowChange = {
  state: 'cancelling',
  attempts: 0,
  nextIn: 0,
  deadlineIn: 0,
  code: 'CANCEL_REQUESTED',
  lastError: 'CANCEL_REQUESTED: no more need',
};
const retry: Write = (s, key) => s.outbox.retry(key.messageId, {});
const retried: RowChange = { attempts: 0, nextIn: 0, code: undefined, lastError: undefined };
const discard: Write = (s, key) => s.outbox.discard(key.messageId, { reason: 'by hand', force: true });
const parkAny: Write = (s, key) => s.outbox.park(key, 'any', { code: 'EXPIRED', error: 'older than 14 d' });
const expired: RowChange = { ...PARKED, code: 'EXPIRED', lastError: 'EXPIRED: older than 14 d' };
const UNKNOWN_TYPE = 'UNPROCESSABLE: UNKNOWN_TYPE';

/** What receipts and people make of a row in each situation in which they may. */
const DONE: readonly (readonly [string, Situation, Write, RowChange])[] = [
  ['close', 'pending', close, accepted],
  ['close', 'sent', close, accepted],
  ['close', 'cancelling', close, accepted],
  ['close', 'parked', close, accepted],
  ['closeMany', 'pending', closeMany, rejected],
  ['closeMany', 'sent', closeMany, rejected],
  ['closeMany', 'cancelling', closeMany, rejected],
  ['closeMany', 'parked', closeMany, rejected],
  ['keepAnswer', 'pending', keepAnswer, kept],
  ['keepAnswer', 'sent', keepAnswer, kept],
  ['keepAnswer', 'cancelling', keepAnswer, kept],
  ['keepAnswer', 'parked', keepAnswer, kept],
  [
    'defer',
    'sent',
    (s, key) => s.outbox.defer(key, 1, LATER),
    { state: 'pending', nextIn: LATER.waitMs, code: LATER.code, lastError: LATER.error },
  ],
  ['park', 'pending', parkAny, expired],
  ['park', 'sent', parkAny, expired],
  ['park', 'cancelling', parkAny, expired],
  ['cancel', 'pending', cancel, cancelled],
  ['cancel', 'sent', cancel, cancelled],
  ['cancel', 'parked', cancel, { ...cancelled, lastError: `CANCEL_REQUESTED: no more need | ${UNKNOWN_TYPE}` }],
  ['retry', 'parked', retry, { ...retried, state: 'pending' }],
  ['retry', 'parked with a verdict', retry, { ...retried, state: 'answered' }],
  [
    'discard',
    'parked',
    discard,
    { state: 'discarded', settledNow: true, lastError: `DISCARDED: by hand | ${UNKNOWN_TYPE}` },
  ],
  [
    'discard',
    'parked with a verdict',
    (s, key) => s.outbox.discard(key.messageId, { reason: 'by hand', force: false }),
    { state: 'discarded', settledNow: true, lastError: 'DISCARDED: by hand | not yet' },
  ],
  [
    'noteLateVerdict',
    'discarded',
    (s, key) => s.outbox.noteLateVerdict(key, REJECTED),
    {
      verdict: 'rejected',
      reason: REJECTED.reason,
      code: 'LATE_VERDICT',
      lastError: `LATE_VERDICT: rejected (OUT_OF_STOCK) | DISCARDED: seen | ${UNKNOWN_TYPE}`,
    },
  ],
  [
    'noteLateVerdict',
    'compensated',
    (s, key) => s.outbox.noteLateVerdict(key, ACCEPTED),
    { code: 'LATE_VERDICT', lastError: 'LATE_VERDICT: accepted' },
  ],
];

/** Each write against the whole row: what it changes, and that it changes nothing else. */
export const rowCases = [
  ...MARKED.map(([state, mark, change]) =>
    behaviour(`a mark changes what it names, and nothing else: ${nameOf(mark)} in ${state}`, async (s) => {
      const delivery = await s.leased(state);
      await s.changes(delivery, () => s.mark(delivery, mark), change);
    }),
  ),

  ...DONE.map(([name, situation, write, change]) =>
    behaviour(`${name} changes what it names, and nothing else: ${situation}`, async (s) => {
      const key = await s.into(situation);
      await s.changes(key, () => write(s, key), change);
    }),
  ),

  behaviour('a claim changes the lease and the count, and nothing else', async (s) => {
    const key = await s.pending({ deadlineMs: DAY });
    await s.changes(key, () => s.claim(), { attempts: 1, nextIn: 30 * SECOND });
  }),

  behaviour('a claim of what is past its deadline begins to cancel, and changes nothing else', async (s) => {
    const key = await s.into('sent', { deadlineMs: MINUTE });
    await s.advance(2 * MINUTE);
    await s.changes(key, () => s.claim(), { state: 'cancelling', attempts: 1, nextIn: 30 * SECOND });
  }),

  behaviour('a claim of what has spent its budget parks it, and changes nothing else', async (s) => {
    const failed = await s.leased('pending', { giveUpAfterMs: DAY });
    await s.mark(failed, { kind: 'retry', ...FAILED });
    const silent = await s.pending({ giveUpAfterMs: DAY });
    await s.advance(2 * DAY);
    const parked: RowChange = { ...PARKED, code: 'GAVE_UP' };
    await s.changes(silent, () => s.claim({ limit: 1 }), { ...parked, lastError: 'GAVE_UP' });
    await s.changes(failed, () => s.claim(), { ...parked, lastError: `GAVE_UP: ${FAILED.error}` });
  }),

  behaviour('holding and resuming change the code and when it is due, and nothing else', async (s) => {
    const key = await s.into('sent');
    await s.advance(DAY);
    await s.outbox.pause(SOURCE, {}, { by: 'Ada', reason: 'maintenance' });
    await s.changes(key, () => s.claim(), { nextIn: 'sometime', code: 'PAUSED' });
    const resume = (): Promise<unknown> => s.outbox.resume(SOURCE, {}, { by: 'Ada', reason: undefined });
    await s.changes(key, resume, { nextIn: 0, code: undefined });
  }),

  behaviour('texts that grow are cut behind, at the same character in every store', async (s) => {
    const key = await s.leased('pending');
    await s.mark(key, { kind: 'retry', ...FAILED, error: `${'x'.repeat(2_030)} größer` });
    const { lastError } = await s.record(key);
    const grown = `${cancelled.lastError} | ${lastError}`;
    assert.ok(grown.length > 2_048);
    await s.changes(key, () => cancel(s, key), { ...cancelled, lastError: grown.slice(0, 2_048) });
  }),
];

function nameOf(mark: Mark): string {
  return 'error' in mark && mark.error !== undefined ? `${mark.kind} with an error` : mark.kind;
}
