import assert from 'node:assert/strict';
import type { ClaimedDelivery, DeliveryKey, OpenState } from '../message/delivery';
import { type HistoryEntry, KEPT } from '../message/history';
import {
  ACCEPTED,
  behaviour,
  CONSUMER,
  DAY,
  failsWith,
  MINUTE,
  newMessage,
  REJECTED,
  type Scenario,
  SECOND,
  SOURCE,
} from './store-contract-scenario';

const UNROUTABLE = { code: 'UNROUTABLE', error: 'UNROUTABLE: no queue' };

/** What an entry says, without when and where. */
type Said = Partial<Pick<HistoryEntry, 'attempt' | 'code' | 'why' | 'by'>> & Pick<HistoryEntry, 'what' | 'times'>;

async function said(s: Scenario, { messageId, consumer }: DeliveryKey): Promise<Said[]> {
  const entries = (await s.outbox.history(messageId)).filter((entry) => entry.consumer === consumer);
  for (const { at, since } of entries) {
    await s.isNow(at);
    await s.isNow(since);
  }
  return entries.map(({ number: _n, at: _at, since: _since, consumer: _to, ...entry }) => entry);
}

/** In this state by nothing that is unusual, if that is possible. */
async function failed(s: Scenario, state: OpenState): Promise<ClaimedDelivery> {
  const delivery = await s.leased(state);
  const kind = state === 'pending' || state === 'sent' ? 'retry' : 'again';
  await s.mark(delivery, { kind, waitMs: 20 * MINUTE, ...UNROUTABLE });
  return delivery;
}

/** What happens to a delivery that does not happen to most is written down by the very write that moves it. */
export const historyCases = [
  behaviour('a delivery to which only the usual happens has no history', async (s) => {
    const sent = await s.leased('pending');
    await s.mark(sent, { kind: 'sent', waitMs: 0 });
    const again = await s.claimOnly({ messageId: sent.messageId, consumer: CONSUMER });
    await s.mark(again, { kind: 'release', waitMs: 20 * MINUTE });
    await s.close(sent, ACCEPTED);
    const refused = await s.leased('sent');
    assert.equal((await s.outbox.closeMany([{ ...refused, answer: REJECTED }])).length, 1);
    for (const { messageId } of [sent, refused]) assert.deepEqual(await s.outbox.history(messageId), []);
  }),

  behaviour('an attempt that failed is in the history, with its number, its code and the error', async (s) => {
    const { code, error: why } = UNROUTABLE;
    for (const [state, attempt] of [
      ['pending', 1],
      ['sent', 2],
    ] as const) {
      const delivery = await failed(s, state);
      assert.deepEqual(await said(s, delivery), [{ what: 'send-failed', attempt, code, why, times: 1 }]);
    }
    const cancelling = await failed(s, 'cancelling');
    assert.deepEqual((await said(s, cancelling)).at(-1), { what: 'send-failed', attempt: 1, code, why, times: 1 });
  }),

  behaviour('a follow-up that failed, or is not there, is in the history, and does not hide the verdict', async (s) => {
    const delivery = await s.leased('answered');
    const why = 'FOLLOW_UP_MISSING: nobody has it';
    await s.mark(delivery, { kind: 'release', waitMs: 0, code: 'FOLLOW_UP_MISSING', error: why });
    const second = await s.claimOnly({ messageId: delivery.messageId, consumer: CONSUMER });
    await s.mark(second, { kind: 'again', waitMs: 0, code: 'FOLLOW_UP_FAILED', error: 'no money' });
    const what = 'follow-up-failed';
    assert.deepEqual(await said(s, delivery), [
      // With the receipt, and when it was looked at once more: two in a row.
      { what, attempt: 1, code: 'FOLLOW_UP_MISSING', why, times: 2 },
      { what, attempt: 1, code: 'FOLLOW_UP_FAILED', why: 'no money', times: 1 },
    ]);
    assert.equal((await s.record(delivery)).verdict, 'rejected');
  }),

  behaviour('what the consumer puts off is in the history, with its error', async (s) => {
    const delivery = await s.leased('sent');
    const error = 'HANDLER_FAILED: the stock is locked';
    await s.outbox.defer(delivery, delivery.attempt - 1, { waitMs: 0, code: 'HANDLER_FAILED', error });
    assert.deepEqual(await said(s, delivery), []);
    await s.outbox.defer(delivery, delivery.attempt, { waitMs: 20 * MINUTE, code: 'HANDLER_FAILED', error });
    const entry = { what: 'deferred', attempt: delivery.attempt, code: 'HANDLER_FAILED', why: error, times: 1 };
    assert.deepEqual(await said(s, delivery), [entry]);
  }),

  behaviour('what is parked is in the history: by a receipt, by its budget, by its follow-ups', async (s) => {
    const unprocessable = await s.leased('sent');
    await s.outbox.park(unprocessable, unprocessable.attempt, { code: 'UNPROCESSABLE', error: 'UNKNOWN_TYPE' });
    assert.deepEqual(await said(s, unprocessable), [
      { what: 'parked', attempt: 2, code: 'UNPROCESSABLE', why: 'UNPROCESSABLE: UNKNOWN_TYPE', times: 1 },
    ]);

    const spent = await s.leased('answered');
    await s.mark(spent, { kind: 'again', waitMs: 0, code: 'FOLLOW_UP_FAILED', error: 'no money' });
    await s.claim({ maxFollowUpAttempts: 1 });
    assert.deepEqual((await said(s, spent)).at(-1), {
      ...{ what: 'parked', attempt: 1, code: 'FOLLOW_UP_FAILED', times: 1 },
      why: (await s.record(spent)).lastError,
    });

    const gaveUp = await s.leased('pending', { giveUpAfterMs: DAY });
    await s.mark(gaveUp, { kind: 'retry', waitMs: 0, ...UNROUTABLE });
    await s.advance(DAY + MINUTE);
    await s.claim();
    const entries = await s.outbox.history(gaveUp.messageId);
    assert.deepEqual(
      entries.map(({ number, what, code, attempt, why }) => [number, what, code, attempt, why]),
      [
        [1, 'send-failed', 'UNROUTABLE', 1, 'UNROUTABLE: no queue'],
        [2, 'parked', 'GAVE_UP', 1, 'GAVE_UP: UNROUTABLE: no queue'],
      ],
    );
    await s.isNow(entries[1]!.at);
  }),

  behaviour('a deadline that passes is in the history, once', async (s) => {
    const delivery = await s.leased('pending', { deadlineMs: MINUTE });
    await s.advance(2 * MINUTE);
    const key = { messageId: delivery.messageId, consumer: CONSUMER };
    const cancelling = await s.claimOnly(key);
    await s.mark(cancelling, { kind: 'again', waitMs: 0, error: undefined });
    await s.claimOnly(key);
    assert.deepEqual(await said(s, delivery), [{ what: 'deadline-passed', attempt: 1, times: 1 }]);
  }),

  behaviour('what people did is in the history: who and why', async (s) => {
    const key = await s.into('sent');
    await s.outbox.cancel(undefined, key.messageId, { reason: 'changed my mind', by: 'ada' });
    await s.outbox.park(key, 'any', { code: 'EXPIRED', error: 'old' });
    await s.outbox.retry(key.messageId, { by: 'grace', reason: 'the broker is back', deadlineMs: DAY });
    await s.outbox.park(key, 'any', { code: 'EXPIRED', error: 'old' });
    await s.outbox.retry(key.messageId, {});
    await s.outbox.park(key, 'any', { code: 'EXPIRED', error: 'old' });
    await s.outbox.discard(key.messageId, { reason: 'ticket 4711', force: false, by: 'ada' });
    assert.deepEqual(
      (await said(s, key)).filter(({ what }) => what !== 'parked'),
      [
        { what: 'cancel-requested', code: 'CANCEL_REQUESTED', why: 'changed my mind', by: 'ada', times: 1 },
        { what: 'retried', why: 'the broker is back', by: 'grace', times: 1 },
        { what: 'retried', times: 1 },
        { what: 'discarded', why: 'ticket 4711', by: 'ada', times: 1 },
      ],
    );
    assert.equal((await said(s, key)).length, 7);
  }),

  behaviour('a late verdict is in the history, and a repeated one counts there', async (s) => {
    const key = await s.into('completed');
    await s.outbox.noteLateVerdict(key, ACCEPTED);
    assert.deepEqual(await said(s, key), []);
    await s.outbox.noteLateVerdict(key, REJECTED);
    await s.outbox.noteLateVerdict(key, REJECTED);
    const why = 'LATE_VERDICT: rejected (OUT_OF_STOCK)';
    assert.deepEqual(await said(s, key), [{ what: 'late-verdict', code: 'LATE_VERDICT', why, times: 2 }]);
  }),

  behaviour('a write that is refused or rolled back leaves no history', async (s) => {
    const done = await s.into('completed');
    const { messageId } = done;
    assert.deepEqual(await s.outbox.retry(messageId, { by: 'ada' }), []);
    assert.deepEqual(await s.outbox.cancel(undefined, messageId, { reason: 'no', by: 'ada' }), []);
    assert.equal(await s.outbox.park(done, 'any', { code: 'EXPIRED', error: 'old' }), false);
    assert.deepEqual(await s.outbox.history(messageId), []);
    const sent = await s.into('sent');
    const refused = new Error('refused by the business');
    const work = s.transaction(async (tx) => {
      assert.equal((await s.outbox.cancel(tx, sent.messageId, { reason: 'no' })).length, 1);
      throw refused;
    });
    await failsWith(work, refused);
    assert.deepEqual(await s.outbox.history(sent.messageId), []);
  }),

  behaviour('what fails in the same way again is one entry, with how often, the first time and the last', async (s) => {
    const key = await s.pending();
    for (let attempt = 1; attempt <= 3; attempt++) {
      const error = `UNROUTABLE: no queue, ${attempt}`;
      await s.mark(await s.claimOnly(key), { kind: 'retry', waitMs: 0, code: 'UNROUTABLE', error });
    }
    const { number, times, attempt, why, since, at } = (await s.outbox.history(key.messageId))[0]!;
    assert.deepEqual([number, times, attempt, why], [1, 3, 3, 'UNROUTABLE: no queue, 3']);
    assert.ok(since <= at);
    await s.mark(await s.claimOnly(key), { kind: 'retry', waitMs: 0, code: 'REFUSED', error: 'REFUSED: full' });
    await s.mark(await s.claimOnly(key), { kind: 'retry', waitMs: 20 * MINUTE, ...UNROUTABLE });
    assert.deepEqual(
      (await s.outbox.history(key.messageId)).map((entry) => [entry.number, entry.code, entry.times]),
      [
        [1, 'UNROUTABLE', 3],
        [2, 'REFUSED', 1],
        [3, 'UNROUTABLE', 1],
      ],
    );
  }),

  behaviour('a history keeps its beginning and its end, and no more', async (s) => {
    const key = await s.pending();
    const total = KEPT.first + KEPT.last + 5;
    for (let index = 1; index <= total; index++) {
      const delivery = await s.claimOnly(key);
      const code = `CODE_${index % 2}`;
      await s.mark(delivery, { kind: 'retry', waitMs: 0, code, error: `${index}` });
    }
    const numbers = (await s.outbox.history(key.messageId)).map(({ number, why }) => [number, why]);
    const kept = Array.from({ length: total }, (_, index) => index + 1).filter(
      (number) => number <= KEPT.first || number > total - KEPT.last,
    );
    assert.deepEqual(
      numbers,
      kept.map((number) => [number, `${number}`]),
    );
  }),

  behaviour('the consumers of a message have a history each, and it goes with the message', async (s) => {
    const message = newMessage({
      deliveries: ['mail', 'stock', 'tax'].map((consumer) => ({ consumer, followUp: 'none' }) as const),
    });
    await s.add(message);
    await s.outbox.park({ messageId: message.id, consumer: 'stock' }, 'any', { code: 'EXPIRED', error: 'old' });
    await s.outbox.cancel(undefined, message.id, { reason: 'no' });
    assert.deepEqual(
      (await s.outbox.history(message.id)).map(({ consumer, number, what }) => [consumer, number, what]),
      [
        ['mail', 1, 'cancel-requested'],
        ['stock', 1, 'parked'],
        ['stock', 2, 'cancel-requested'],
        ['tax', 1, 'cancel-requested'],
      ],
    );
    for (const consumer of ['mail', 'stock', 'tax']) await s.close({ messageId: message.id, consumer }, REJECTED);
    await s.advance(SECOND);
    assert.equal(await s.outbox.prune(SOURCE, 1, 10), 1);
    assert.deepEqual(await s.outbox.history(message.id), []);
  }),
];
