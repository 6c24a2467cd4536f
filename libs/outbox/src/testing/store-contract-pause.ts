import assert from 'node:assert/strict';
import { type DeliveryKey, EVERYBODY } from '../message/delivery';
import { ACCEPTED, behaviour, CONSUMER, DAY, keyOf, MINUTE, type Scenario, SOURCE } from './store-contract-scenario';

const HOUR = 60 * MINUTE;
const BY = { by: 'ada@host', reason: 'their database moves' };
const RESUMED = { by: 'grace', reason: undefined };

/** The claim finds nothing to send, and holds back so many. */
async function holds(s: Scenario, count: number): Promise<void> {
  const { deliveries, parked, held } = await s.claim();
  assert.deepEqual([deliveries, parked, held], [[], [], count]);
}

/** `pause`, `resume`, and what a claim makes of it. */
export const pauseCases = [
  behaviour('a pause holds back what it is about and nothing else, whoever claims', async (s) => {
    const type = 'order.requested';
    const theirs = await s.pending({ deliveries: [{ consumer: 'mail-service', followUp: 'none' }] });
    const other = await s.pending({ type: 'order.amended' });
    const both = await s.pending();
    const stranger = await s.pending({ source: 'another-service' });
    await s.outbox.pause(SOURCE, { to: CONSUMER, type }, BY);
    const first = await s.claim();
    assert.deepEqual(new Set(first.deliveries.map(keyOf)), new Set([theirs, other]));
    assert.equal(first.held, 1);
    assert.deepEqual(
      first.pauses.map(({ since: _since, ...pause }) => pause),
      [{ to: CONSUMER, type, ...BY }],
    );
    const { code, state, attempts } = await s.record(both);
    assert.deepEqual([code, state, attempts], ['PAUSED', 'pending', 0]);
    await s.claimOnly(stranger, { source: 'another-service' });
  }),

  behaviour(
    'a pause of a consumer is about every type, one of a type about every consumer, one of neither about all',
    async (s) => {
      const announced = { type: 'news', deliveries: [{ consumer: EVERYBODY, followUp: 'none' }] } as const;
      for (const [target, held] of [
        [{ to: CONSUMER }, 2],
        [{ to: EVERYBODY }, 1],
        [{ type: 'news' }, 1],
        [{}, 3],
      ] as const) {
        const keys = [await s.pending(), await s.pending({ type: 'order.amended' }), await s.pending(announced)];
        await s.outbox.pause(SOURCE, target, BY);
        const claimed = await s.claim();
        assert.deepEqual([claimed.deliveries.length, claimed.held], [3 - held, held]);
        await s.outbox.resume(SOURCE, target, RESUMED);
        for (const key of keys) await s.outbox.park(key, 'any', { code: 'UNPROCESSABLE', error: 'done' });
      }
    },
  ),

  behaviour(
    'what is held is read by no later claim, and keeps its state and attempts; resume makes it due',
    async (s) => {
      const sent = await s.into('sent');
      await s.advance(30 * MINUTE);
      const pending = await s.pending();
      await s.outbox.pause(SOURCE, {}, BY);
      await holds(s, 2);
      await holds(s, 0);
      assert.deepEqual([(await s.record(sent)).state, (await s.record(sent)).attempts], ['sent', 1]);
      const { pause, released } = await s.outbox.resume(SOURCE, {}, RESUMED);
      assert.deepEqual([pause?.by, released], [BY.by, 2]);
      const { deliveries, held, pauses } = await s.claim();
      assert.deepEqual([held, pauses], [0, []]);
      assert.deepEqual(
        new Map(deliveries.map(({ messageId, state, attempt }) => [messageId, `${state} ${attempt}`])),
        new Map([
          [sent.messageId, 'sent 2'],
          [pending.messageId, 'pending 1'],
        ]),
      );
      assert.equal((await s.record(pending)).code, undefined);
    },
  ),

  behaviour('what another pause is about is held again', async (s) => {
    const key = await s.pending();
    await s.outbox.pause(SOURCE, { to: CONSUMER }, BY);
    await s.outbox.pause(SOURCE, { type: 'order.requested' }, BY);
    await holds(s, 1);
    await s.outbox.resume(SOURCE, { to: CONSUMER }, RESUMED);
    await holds(s, 1);
    await s.outbox.resume(SOURCE, { type: 'order.requested' }, RESUMED);
    await s.claimOnly(key);
  }),

  behaviour('a pause keeps nobody from cancelling, answering or following up', async (s) => {
    const later = { waitMs: 0, code: 'FOLLOW_UP_MISSING', error: 'no handler' };
    const [cancelled, answered, closed] = [await s.pending(), await s.pending(), await s.pending()];
    await s.outbox.pause(SOURCE, {}, BY);
    await holds(s, 3);
    await s.outbox.cancel(undefined, cancelled.messageId, { reason: 'changed my mind' });
    await s.outbox.keepAnswer(answered, ACCEPTED, later);
    assert.equal(await s.close(closed, ACCEPTED), true);
    const { deliveries, held } = await s.claim();
    assert.deepEqual(new Set(deliveries.map(({ state }) => state)), new Set(['cancelling', 'answered']));
    assert.equal(held, 0);
  }),

  behaviour('a deadline is kept in a pause: at it, and not before, the consumer is asked to give up', async (s) => {
    const key = await s.pending({ deadlineMs: 10 * MINUTE });
    await s.outbox.pause(SOURCE, {}, BY);
    await holds(s, 1);
    await s.isIn((await s.record(key)).nextAt, 10 * MINUTE);
    await s.advance(10 * MINUTE);
    const { deliveries } = await s.claim();
    assert.deepEqual(
      deliveries.map(({ messageId, state }) => [messageId, state]),
      [[key.messageId, 'cancelling']],
    );
  }),

  behaviour('a pause spends no budget: however long it was, what it held has all of it again', async (s) => {
    const key = await s.pending({ giveUpAfterMs: HOUR });
    await s.outbox.pause(SOURCE, {}, BY);
    await holds(s, 1);
    await s.advance(2 * DAY);
    await holds(s, 1);
    await s.outbox.resume(SOURCE, {}, RESUMED);
    const delivery = await s.claimOnly(key, { giveUpAfterMs: HOUR });
    await s.mark(delivery, { kind: 'sent', waitMs: 30 * MINUTE });
    await s.advance(40 * MINUTE);
    await s.mark(await s.claimOnly(key), { kind: 'sent', waitMs: 30 * MINUTE });
    await s.advance(40 * MINUTE);
    assert.deepEqual((await s.claim()).parked.map(keyOf), [key]);
  }),

  behaviour(
    'what is held comes by itself within two hours, should nobody release it, and is not due until then',
    async (s) => {
      const key: DeliveryKey = await s.pending();
      await s.outbox.pause(SOURCE, {}, BY);
      await holds(s, 1);
      await s.advance(59 * MINUTE);
      await holds(s, 0);
      assert.equal(await s.outbox.oldestDueMs(SOURCE), 0);
      await s.advance(62 * MINUTE);
      await holds(s, 1);
      assert.equal((await s.record(key)).attempts, 0);
    },
  ),

  behaviour('a pause stands once, since when it was, with what was said last; ending none is no harm', async (s) => {
    const { since } = await s.outbox.pause(SOURCE, { to: CONSUMER }, BY);
    await s.isNow(since);
    const again = await s.outbox.pause(SOURCE, { to: CONSUMER }, { by: 'grace', reason: 'still' });
    assert.deepEqual(again, { to: CONSUMER, since, by: 'grace', reason: 'still' });
    assert.deepEqual(await s.outbox.pauses(SOURCE), [again]);
    assert.deepEqual(await s.outbox.pauses('another-service'), []);
    assert.deepEqual(await s.outbox.resume(SOURCE, {}, RESUMED), { pause: undefined, released: 0 });
    assert.deepEqual(await s.outbox.resume('another-service', { to: CONSUMER }, RESUMED), {
      pause: undefined,
      released: 0,
    });
    assert.deepEqual((await s.outbox.resume(SOURCE, { to: CONSUMER }, RESUMED)).pause, again);
    assert.deepEqual(await s.outbox.pauses(SOURCE), []);
  }),

  behaviour('a pause and its end are in the audit', async (s) => {
    await s.outbox.pause(SOURCE, { to: CONSUMER, type: 'order.requested' }, BY);
    await s.outbox.pause(SOURCE, {}, BY);
    await s.outbox.resume(SOURCE, {}, { by: 'grace', reason: 'moved' });
    await s.outbox.resume(SOURCE, {}, { by: 'grace', reason: 'moved' });
    assert.deepEqual(
      (await s.outbox.audit(SOURCE, { limit: 10 })).map(({ actor, verb, target, changed, reason }) => [
        actor,
        verb,
        target,
        changed,
        reason,
      ]),
      [
        ['grace', 'resume', 'everything', 1, 'moved'],
        [BY.by, 'pause', 'everything', 1, BY.reason],
        [BY.by, 'pause', `to:${CONSUMER} type:order.requested`, 1, BY.reason],
      ],
    );
  }),
];
