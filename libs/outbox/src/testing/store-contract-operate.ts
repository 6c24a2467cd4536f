import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type DeliveryKey, EVERYBODY } from '../message/delivery';
import type { Criteria } from '../ports/store';
import {
  ACCEPTED,
  behaviour,
  CONSUMER,
  DAY,
  failsWith,
  MINUTE,
  newMessage,
  REJECTED,
  SECOND,
  SOURCE,
} from './store-contract-scenario';

const NOTHING = { pending: 0, sent: 0, cancelling: 0, answered: 0, parked: 0 };
const CANCEL = { reason: 'the user changed their mind' };
const wrote = (keys: readonly DeliveryKey[]): boolean => keys.length > 0;

/** What people may do, what they see, and what time sweeps away. */
export const operateCases = [
  behaviour('cancel asks for give-up wherever no verdict is known and none was asked for', async (s) => {
    await s.onlyIn(['pending', 'sent', 'parked'], async ({ messageId }) =>
      wrote(await s.outbox.cancel(undefined, messageId, CANCEL)),
    );
    const key = await s.into('sent', { deadlineMs: DAY });
    assert.deepEqual(await s.outbox.cancel(undefined, key.messageId, CANCEL), [key]);
    const { state, attempts, nextAt, deadlineAt } = await s.record(key);
    assert.deepEqual([state, attempts], ['cancelling', 0]);
    await s.isNow(nextAt);
    await s.isNow(deadlineAt);
  }),

  behaviour('cancel never touches an announcement', async (s) => {
    const { messageId } = await s.pending({ deliveries: [{ consumer: EVERYBODY, followUp: 'none' }] });
    assert.deepEqual(await s.outbox.cancel(undefined, messageId, CANCEL), []);
  }),

  behaviour('cancel joins the transaction it is given', async (s) => {
    const key = await s.into('pending');
    const refused = new Error('refused by the business');
    const work = s.transaction(async (tx) => {
      assert.deepEqual(await s.outbox.cancel(tx, key.messageId, CANCEL), [key]);
      throw refused;
    });
    await failsWith(work, refused);
    assert.equal((await s.record(key)).state, 'pending');
  }),

  behaviour('the wish to cancel survives parking and retry, unless a new deadline is given', async (s) => {
    const key = await s.into('cancelling');
    await s.outbox.park(key, 'any', { code: 'EXPIRED', error: 'older than 14 d' });
    assert.deepEqual(await s.outbox.retry(key.messageId, {}), [key]);
    const again = await s.claimOnly(key);
    assert.deepEqual([again.state, again.cancelReason], ['cancelling', 'changed my mind']);
    await s.outbox.park(key, 'any', { code: 'EXPIRED', error: 'older than 14 d' });
    await s.outbox.retry(key.messageId, { deadlineMs: DAY });
    const { state, deadlineAt } = await s.record(key);
    assert.equal(state, 'pending');
    await s.isIn(deadlineAt, DAY);
    await s.advance(DAY + SECOND);
    const late = await s.claimOnly(key);
    assert.deepEqual([late.state, late.cancelReason], ['cancelling', undefined]);
  }),

  behaviour('retry opens parked rows where they left off, with a new count and due at once', async (s) => {
    await s.onlyIn(['parked', 'parked with a verdict'], async ({ messageId }) =>
      wrote(await s.outbox.retry(messageId, {})),
    );
    for (const [situation, state] of [
      ['parked', 'pending'],
      ['parked with a verdict', 'answered'],
    ] as const) {
      const key = await s.into(situation);
      await s.outbox.retry(key.messageId, {});
      const record = await s.record(key);
      assert.deepEqual(
        [record.state, record.attempts, record.code, record.lastError],
        [state, 0, undefined, undefined],
      );
      await s.isNow(record.nextAt);
      await s.claimOnly(key);
    }
  }),

  behaviour('retry starts a new budget: a row that was parked for long is not given up at once', async (s) => {
    const key = await s.into('parked', { giveUpAfterMs: DAY });
    await s.advance(30 * DAY);
    await s.outbox.retry(key.messageId, {});
    await s.claimOnly(key, { giveUpAfterMs: DAY });
    await s.advance(2 * DAY);
    assert.equal((await s.claim()).parked[0]?.code, 'GAVE_UP');
  }),

  behaviour('discard ends a parked row without force only if nothing can be lost by it', async (s) => {
    const discard = async (key: DeliveryKey, force = false): Promise<boolean> =>
      wrote(await s.outbox.discard(key.messageId, { reason: 'seen', force }));
    await s.onlyIn(['parked with a verdict'], (key) => discard(key));
    await s.onlyIn(['parked', 'parked with a verdict'], (key) => discard(key, true));

    const unanswered = await s.into('cancelling', { deadlineMs: 20 * MINUTE });
    await s.advance(8 * DAY);
    assert.equal((await s.claim()).parked[0]?.code, 'CANCEL_UNANSWERED');
    assert.equal(await discard(unanswered), true);

    const expired = await s.pending();
    await s.outbox.park(expired, 'any', { code: 'EXPIRED', error: 'older than 14 d' });
    assert.equal(await discard(expired), true);

    const announcement = await s.pending({ deliveries: [{ consumer: EVERYBODY, followUp: 'none' }] });
    await s.outbox.park(announcement, 'any', { code: 'UNPROCESSABLE', error: 'nobody listens' });
    assert.equal(await discard(announcement), true);
    const { state, nextAt, settledAt, code, lastError } = await s.record(announcement);
    // Why it was parked is what one looks for afterwards, too.
    assert.deepEqual([state, nextAt, code], ['discarded', undefined, 'UNPROCESSABLE']);
    await s.isNow(settledAt);
    assert.match(lastError ?? '', /seen/);
  }),

  behaviour('cancel, retry and discard reach one consumer, or all', async (s) => {
    const deliveries = ['mail', 'stock'].map((consumer) => ({ consumer, followUp: 'none' }) as const);
    const message = newMessage({ deliveries });
    const { id } = message;
    await s.add(message);
    const states = async (): Promise<string[]> => (await s.outbox.find(id)).map(({ state }) => state);
    await s.outbox.cancel(undefined, id, { ...CANCEL, to: 'stock' });
    assert.deepEqual(await states(), ['pending', 'cancelling']);
    for (const consumer of ['mail', 'stock']) {
      await s.outbox.park({ messageId: id, consumer }, 'any', { code: 'EXPIRED', error: 'old' });
    }
    await s.outbox.retry(id, { to: 'mail' });
    assert.deepEqual(await states(), ['pending', 'parked']);
    await s.outbox.discard(id, { to: 'mail', reason: 'seen', force: true });
    assert.deepEqual(await states(), ['pending', 'parked']);
    await s.outbox.cancel(undefined, id, CANCEL);
    assert.deepEqual(await states(), ['cancelling', 'cancelling']);
  }),

  behaviour('find knows nothing of an unknown message', async (s) => {
    assert.deepEqual(await s.outbox.find(randomUUID()), []);
  }),

  behaviour('search pages: every match once, the largest key first', async (s) => {
    const expected: string[] = [];
    for (let index = 0; index < 5; index++) {
      const key = await s.pending({ type: 'stock.counted', deliveries: [{ consumer: 'stock', followUp: 'none' }] });
      await s.outbox.park(key, 'any', { code: 'EXPIRED', error: 'older than 14 d' });
      expected.push(key.messageId);
    }
    await s.into('parked', { deliveries: [{ consumer: 'stock', followUp: 'none' }] });
    await s.into('parked', { type: 'stock.counted' });
    await s.pending({ type: 'stock.counted', deliveries: [{ consumer: 'stock', followUp: 'none' }] });

    const criteria = { states: ['parked'], type: 'stock.counted', to: 'stock', code: 'EXPIRED' } as const;
    const found: string[] = [];
    let after: DeliveryKey | undefined;
    do {
      const page = await s.outbox.search(SOURCE, criteria, { limit: 2, after });
      assert.ok(page.length <= 2);
      found.push(...page.map(({ messageId }) => messageId));
      after = page.at(-1);
    } while (after);
    assert.deepEqual(found, expected.sort().reverse());
    assert.equal(await s.outbox.countUpTo(SOURCE, criteria, 100), 5);
    assert.equal(await s.outbox.countUpTo(SOURCE, criteria, 3), 3);
    assert.equal(await s.outbox.countUpTo(SOURCE, {}, 100), 8);
  }),

  behaviour('search finds by everything that a filter can say, and by all of it together', async (s) => {
    const payload = JSON.stringify({ sku: 'A"B', customer: { id: 42, note: null }, lines: [{ sku: 'C%' }] });
    const deliveries = [{ consumer: 'stock', followUp: 'none' }] as const;
    const wanted = await s.pending({ type: 'stock.counted', key: "o'k", payload, deliveries });
    await s.outbox.park(wanted, 'any', { code: 'EXPIRED', error: 'Connection REFUSED by 100%_of them' });
    await s.advance(2 * MINUTE);
    const rejected = await s.pending();
    await s.close(rejected, REJECTED);

    const only = async (criteria: Criteria): Promise<string> => {
      const found = await s.outbox.search(SOURCE, criteria, { limit: 10 });
      assert.equal(await s.outbox.countUpTo(SOURCE, criteria, 10), found.length);
      return found.map(({ messageId }) => (messageId === wanted.messageId ? 'wanted' : 'rejected')).join(' ');
    };
    const field = (value: string, ...path: string[]): Criteria => ({ data: [{ path, value }] });
    const finds: [Criteria, string][] = [
      [{ states: ['parked', 'sent'] }, 'wanted'],
      [{ states: ['compensated'] }, 'rejected'],
      [{ states: ['pending'] }, ''],
      [{ type: 'stock.*' }, 'wanted'],
      [{ type: 'stock' }, ''],
      [{ type: 'st_ck.*' }, ''],
      [{ to: 'stock' }, 'wanted'],
      [{ key: "o'k" }, 'wanted'],
      [{ id: wanted.messageId.toUpperCase() }, 'wanted'],
      [{ olderMs: MINUTE }, 'wanted'],
      [{ newerMs: MINUTE }, 'rejected'],
      [{ olderMs: MINUTE, newerMs: 60 * MINUTE }, 'wanted'],
      [{ reason: REJECTED.reason!.code }, 'rejected'],
      [{ code: 'EXPIRED' }, 'wanted'],
      [{ code: 'EXPIRE' }, ''],
      [{ error: 'connection refused' }, 'wanted'],
      [{ error: '100%_of' }, 'wanted'],
      [{ error: '100_' }, ''],
      [field('A"B', 'sku'), 'wanted'],
      [field('42', 'customer', 'id'), 'wanted'],
      [field('null', 'customer', 'note'), ''],
      [field('C%', 'lines', '0', 'sku'), 'wanted'],
      [field('42', 'customer', 'ID'), ''],
      [{ states: ['parked'], ...field('43', 'customer', 'id') }, ''],
    ];
    for (const [criteria, expected] of finds) assert.equal(await only(criteria), expected, JSON.stringify(criteria));
  }),

  behaviour('stats counts what is open, and knows how long the oldest has been due', async (s) => {
    assert.deepEqual(await s.outbox.stats(SOURCE), {
      open: NOTHING,
      oldestDueMs: 0,
    });
    for (const situation of ['sent', 'answered', 'parked', 'completed', 'discarded'] as const) await s.into(situation);
    await s.pending();
    await s.pending();
    await s.advance(MINUTE);
    const { open, oldestDueMs } = await s.outbox.stats(SOURCE);
    assert.deepEqual(open, { pending: 2, sent: 1, cancelling: 0, answered: 1, parked: 1 });
    assert.ok(oldestDueMs >= MINUTE && oldestDueMs < MINUTE + 10 * SECOND);
  }),

  behaviour('sample sees what stats sees, what is overdue and the time, up to a limit', async (s) => {
    const look = { overdueMs: 30 * SECOND, cap: 3 };
    await s.into('sent');
    await s.advance(MINUTE);
    for (const situation of ['sent', 'answered', 'parked', 'completed', 'discarded'] as const) await s.into(situation);
    const before = await s.outbox.ageMs('1970-01-01T00:00:00Z');
    const { nowMs, ...seen } = await s.outbox.sample(SOURCE, look);
    assert.ok(nowMs >= before && nowMs < before + 10 * SECOND);
    assert.deepEqual(seen, { ...(await s.outbox.stats(SOURCE)), overdue: 1 });
    for (let i = 0; i < 5; i++) await s.into('parked');
    for (let i = 0; i < 5; i++) await s.pending();
    const { open } = await s.outbox.sample(SOURCE, look);
    assert.equal(open.parked, 3);
    assert.equal(open.pending + open.sent + open.answered, 3);
    assert.deepEqual((await s.outbox.sample('other-service', look)).open, NOTHING);
  }),

  behaviour('oldestDueMs is for how long the oldest row has been due that nobody has taken', async (s) => {
    assert.equal(await s.outbox.oldestDueMs(SOURCE), 0);
    // Nobody is late with these: they wait for a receipt or for a person, or have ended.
    for (const situation of ['sent', 'parked', 'completed', 'discarded'] as const) await s.into(situation);
    assert.equal(await s.outbox.oldestDueMs(SOURCE), 0);
    await s.pending();
    await s.advance(20 * SECOND);
    await s.pending();
    const waited = await s.outbox.oldestDueMs(SOURCE);
    assert.ok(waited >= 20 * SECOND && waited < 30 * SECOND);
    await s.claim();
    assert.equal(await s.outbox.oldestDueMs(SOURCE), 0);
  }),

  behaviour('services that share the tables count, list and prune their own messages only', async (s) => {
    const source = 'other-service';
    const [theirs, done] = [newMessage({ source }), newMessage({ source })];
    await s.add(theirs, done);
    await s.close({ messageId: done.id, consumer: CONSUMER }, ACCEPTED);
    await s.advance(15 * DAY);
    assert.equal(await s.outbox.oldestDueMs(SOURCE), 0);
    assert.deepEqual(await s.outbox.stats(SOURCE), { open: NOTHING, oldestDueMs: 0 });
    assert.deepEqual(await s.outbox.search(SOURCE, {}, { limit: 10 }), []);
    assert.equal(await s.outbox.prune(SOURCE, 14 * DAY, 10), 0);

    assert.ok((await s.outbox.oldestDueMs(source)) >= 15 * DAY);
    assert.deepEqual((await s.outbox.stats(source)).open, { ...NOTHING, pending: 1 });
    assert.equal(await s.outbox.countUpTo(source, {}, 10), 2);
    assert.equal(await s.outbox.prune(source, 14 * DAY, 10), 1);
  }),

  behaviour('ageMs tells how long ago an instant was', async (s) => {
    const hourAgo = await s.outbox.ageMs(await s.ago(60 * MINUTE));
    assert.ok(hourAgo >= 60 * MINUTE && hourAgo < 60 * MINUTE + 10 * SECOND);
    assert.ok((await s.outbox.ageMs(await s.ago(-60 * MINUTE))) < 0);
  }),

  behaviour('prune deletes messages whose last delivery ended long ago, a bounded number at a time', async (s) => {
    const old = await Promise.all(Array.from({ length: 5 }, () => s.pending()));
    for (const key of old) await s.close(key, ACCEPTED);
    const consumers = { deliveries: ['mail', 'stock'].map((consumer) => ({ consumer, followUp: 'none' }) as const) };
    const [half, recent] = [newMessage(consumers), newMessage(consumers)];
    await s.add(half, recent);
    for (const { id } of [half, recent]) await s.close({ messageId: id, consumer: 'mail' }, ACCEPTED);
    const parked = await s.into('parked');
    await s.advance(15 * DAY);
    await s.close({ messageId: recent.id, consumer: 'stock' }, ACCEPTED);
    const fresh = await s.into('completed');

    assert.equal(await s.outbox.prune(SOURCE, 14 * DAY, 3), 3);
    assert.equal(await s.outbox.prune(SOURCE, 14 * DAY, 3), 2);
    assert.equal(await s.outbox.prune(SOURCE, 14 * DAY, 3), 0);
    for (const key of old) assert.deepEqual(await s.outbox.find(key.messageId), []);
    for (const { id } of [half, recent]) assert.equal((await s.outbox.find(id)).length, 2);
    await s.record(parked);
    await s.record(fresh);
  }),
];
