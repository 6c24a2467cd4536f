import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { FollowUp } from '../message/contract';
import { type DeliveryKey, expects, type ReceivedAnswer } from '../message/delivery';
import { contentHash } from '../message/payload';
import {
  ACCEPTED,
  behaviour,
  CONSUMER,
  DAY,
  failsWith,
  keyOf,
  MINUTE,
  newMessage,
  REJECTED,
  SECOND,
  SOURCE,
} from './store-contract-scenario';

const LATER = { waitMs: 5 * MINUTE, code: 'HANDLER_FAILED', error: 'the handler threw' };
const UNDECIDED = ['pending', 'sent', 'cancelling', 'parked'] as const;

/** What a receipt may change: `close…`, `keepAnswer`, `defer`, `park`, `noteLateVerdict`. */
export const answerCases = [
  behaviour('close stores a verdict only where none is stored yet and the end is not reached', async (s) => {
    await s.onlyIn(UNDECIDED, (key) => s.close(key, ACCEPTED));
  }),

  behaviour('closeMany stores a verdict only where none is stored yet and the end is not reached', async (s) => {
    await s.onlyIn(UNDECIDED, async (key) => {
      const closed = await s.outbox.closeMany([{ ...key, answer: REJECTED }]);
      assert.deepEqual(closed.map(keyOf), closed.length > 0 ? [key] : []);
      return closed.length > 0;
    });
  }),

  behaviour('keepAnswer stores a verdict only where none is stored yet and the end is not reached', async (s) => {
    await s.onlyIn(UNDECIDED, (key) => s.outbox.keepAnswer(key, REJECTED, LATER));
  }),

  behaviour('an answer to other content than was recorded changes nothing', async (s) => {
    const forged = contentHash('order.requested', '{"amount": 2}');
    const writes: ((key: DeliveryKey, payloadHash: string) => Promise<unknown>)[] = [
      (key, payloadHash) => s.close(key, { ...ACCEPTED, payloadHash }),
      (key, payloadHash) => s.outbox.closeMany([{ ...key, answer: { ...REJECTED, payloadHash } }]),
      (key, payloadHash) => s.outbox.keepAnswer(key, { ...REJECTED, payloadHash }, LATER),
      (key, payloadHash) => s.outbox.defer(key, 1, { ...LATER, payloadHash }),
      (key, payloadHash) => s.outbox.park(key, 1, { code: 'UNPROCESSABLE', error: 'x', payloadHash }),
      (key, payloadHash) => s.outbox.park(key, 'any', { code: 'EXPIRED', error: 'x', payloadHash }),
    ];
    for (const write of writes) {
      const message = newMessage();
      await s.add(message);
      const key = { messageId: message.id, consumer: CONSUMER };
      await s.claimOnly(key);
      const before = await s.record(key);

      await write(key, forged);
      assert.deepEqual(await s.record(key), before);

      await write(key, contentHash(message.type, message.payload));
      assert.notDeepEqual(await s.record(key), before);
    }
  }),

  behaviour('nor does it become the late verdict of a discarded delivery', async (s) => {
    const key = await s.into('discarded');
    await s.outbox.noteLateVerdict(key, { ...ACCEPTED, payloadHash: contentHash('order.requested', '{}') });

    assert.equal((await s.record(key)).verdict, undefined);
  }),

  behaviour('the content of a message is told as its receipts name it, to the byte', async (s) => {
    for (const payload of ['{"amount":1}', '{ "amount" : 1.0 }', '{"text":"größer ☕ \\u0041 \u{1F9FE}"}']) {
      const message = newMessage({ payload });
      await s.add(message);
      assert.equal(await s.outbox.contentHash(message.id), contentHash(message.type, payload));
    }
    assert.equal(await s.outbox.contentHash(randomUUID()), undefined);
  }),

  behaviour('a verdict ends the delivery and is kept with its reason or result', async (s) => {
    const writes = [
      (key: { messageId: string; consumer: string }, answer: ReceivedAnswer) => s.close(key, answer),
      async (key: { messageId: string; consumer: string }, answer: ReceivedAnswer) =>
        (await s.outbox.closeMany([{ ...key, answer }])).length === 1,
    ];
    for (const write of writes) {
      const accepted = await s.pending();
      assert.equal(await write(accepted, { ...ACCEPTED, result: { text: '\u0000 😀', none: null } }), true);
      const completed = await s.record(accepted);
      assert.deepEqual(
        [completed.state, completed.verdict, completed.reason, completed.result, completed.nextAt],
        ['completed', 'accepted', undefined, { text: '\u0000 😀', none: null }, undefined],
      );
      await s.isNow(completed.settledAt);

      const rejected = await s.pending();
      assert.equal(await write(rejected, REJECTED), true);
      const compensated = await s.record(rejected);
      assert.deepEqual(
        [compensated.state, compensated.verdict, compensated.reason, compensated.result],
        ['compensated', 'rejected', REJECTED.reason, undefined],
      );
    }
    const key = await s.pending();
    await s.close(key, { ...ACCEPTED, result: null });
    assert.equal((await s.record(key)).result, null);
  }),

  behaviour('closeMany leaves rows whose follow-up must run first', async (s) => {
    const closable: Record<FollowUp, string[]> = {
      none: ['accepted', 'rejected'],
      accepted: ['rejected'],
      rejected: ['accepted'],
      both: [],
    };
    for (const followUp of ['none', 'accepted', 'rejected', 'both'] as const) {
      for (const answer of [ACCEPTED, REJECTED]) {
        const key = await s.pending({ deliveries: [{ consumer: CONSUMER, followUp }] });
        const closed = await s.outbox.closeMany([{ ...key, answer }]);
        assert.deepEqual(closed.map(keyOf), closable[followUp].includes(answer.verdict) ? [key] : [], followUp);
      }
    }
  }),

  behaviour('what the service has registered is expected too, whoever recorded the row and when', async (s) => {
    for (const declared of ['none', 'accepted', 'rejected', 'both'] as const) {
      for (const known of ['none', 'accepted', 'rejected', 'both'] as const) {
        const type = `registered.${declared}.${known}`;
        const pending = (): Promise<DeliveryKey> =>
          s.pending({ type, deliveries: [{ consumer: CONSUMER, followUp: declared }] });
        const early = await pending();
        const verdicts = (['accepted', 'rejected'] as const).filter((verdict) => expects(known, verdict));
        const followUps = verdicts.map((verdict) => ({ type, verdict, where: 'Purchases.settle' }));
        await s.outbox.registerFollowUps(newMessage().source, followUps);
        await s.outbox.registerFollowUps(newMessage().source, followUps); // every process does, at every start
        const late = await pending();
        for (const answer of [ACCEPTED, REJECTED]) {
          const expected = expects(declared, answer.verdict) || expects(known, answer.verdict);
          for (const key of answer === ACCEPTED ? [early, late] : [await pending()]) {
            const at = `${declared} on the row, ${known} registered, ${answer.verdict}`;
            assert.equal(expects((await s.record(key)).followUp, answer.verdict), expected, at);
            const closedAtOnce = await s.outbox.closeMany([{ ...key, answer }]);
            assert.deepEqual(closedAtOnce.map(keyOf), expected ? [] : [key], at);
            if (!expected) continue;
            const closed = await s.transaction((tx) => s.outbox.close(tx, key, answer));
            assert.equal(expects(closed!.followUp, answer.verdict), true, at);
          }
        }
      }
    }
  }),

  behaviour('what is registered after an answer was kept is expected when it ends', async (s) => {
    const type = 'registered.late';
    const key = await s.pending({ type });
    await s.outbox.keepAnswer(key, REJECTED, { ...LATER, waitMs: 0 });
    const { leaseToken } = await s.claimOnly(key);
    await s.outbox.registerFollowUps(newMessage().source, [{ type, verdict: 'rejected', where: 'Purchases.refund' }]);
    assert.equal(await s.transaction((tx) => s.outbox.closeAnswered(tx, key, leaseToken)), 'rejected');
  }),

  behaviour('what is registered for another service, type or verdict is not expected', async (s) => {
    const type = 'registered.elsewhere';
    const { source } = newMessage();
    await s.outbox.registerFollowUps('somebody-else', [{ type, verdict: 'rejected', where: 'Their.refund' }]);
    await s.outbox.registerFollowUps(source, [
      { type: `${type}.too`, verdict: 'rejected', where: 'Purchases.refund' },
      { type, verdict: 'accepted', where: 'Purchases.complete' },
    ]);
    const key = await s.pending({ type });
    assert.deepEqual((await s.outbox.closeMany([{ ...key, answer: REJECTED }])).map(keyOf), [key]);
  }),

  behaviour('close and closeMany tell what was closed, and how long ago it was recorded', async (s) => {
    const [one, other] = [await s.pending({ type: 'told.alone' }), await s.pending({ type: 'told.in-batch' })];
    await s.advance(20 * SECOND);
    const alone = await s.transaction((tx) => s.outbox.close(tx, one, ACCEPTED));
    const [inBatch] = await s.outbox.closeMany([{ ...other, answer: ACCEPTED }]);
    assert.deepEqual([alone!.message.type, inBatch!.type], ['told.alone', 'told.in-batch']);
    for (const { ageMs } of [alone!, inBatch!]) assert.ok(ageMs >= 20 * SECOND && ageMs < 30 * SECOND);
  }),

  behaviour('closeMany refuses two answers for one delivery', async (s) => {
    const key = await s.pending();
    const twins = [
      { ...key, answer: ACCEPTED },
      { ...key, answer: REJECTED },
    ];
    await assert.rejects(s.outbox.closeMany(twins));
    assert.equal((await s.record(key)).verdict, undefined);
    assert.deepEqual(await s.outbox.closeMany([]), []);
  }),

  behaviour('close hands out the message and what is expected, and is undone with its transaction', async (s) => {
    const message = newMessage({ deliveries: [{ consumer: CONSUMER, followUp: 'both' }] });
    const [added] = await s.add(message);
    const key = { messageId: message.id, consumer: CONSUMER };
    const { attempt } = await s.claimOnly(key);
    const failed = new Error('the compensation failed');
    const work = s.transaction(async (tx) => {
      const { ageMs: _, ...closed } = (await s.outbox.close(tx, key, REJECTED))!;
      const { id, type, source, payload, headers } = message;
      assert.deepEqual(closed, {
        ...key,
        followUp: 'both',
        attempt,
        ordered: false,
        message: { id, type, source, key: message.key, payload, headers, recordedAt: added!.recordedAt },
      });
      throw failed;
    });
    await failsWith(work, failed);
    const { state, verdict } = await s.record(key);
    assert.deepEqual([state, verdict], ['pending', undefined]);
  }),

  behaviour('of two closes at once the second waits for the first, and then sees it', async (s) => {
    const key = await s.pending();
    let second!: Promise<boolean>;
    await s.transaction(async (tx) => {
      assert.ok(await s.outbox.close(tx, key, ACCEPTED));
      second = s.close(key, REJECTED);
    });
    assert.equal(await second, false);
    assert.equal((await s.record(key)).verdict, 'accepted');
  }),

  behaviour('batches pass over rows that a follow-up holds, and do not wait', async (s) => {
    const held = await s.leased('pending');
    const free = await s.leased('pending');
    const mark = { kind: 'sent', waitMs: 0 } as const;
    await s.transaction(async (tx) => {
      assert.ok(await s.outbox.close(tx, held, ACCEPTED));
      const rows = [held, free].map((delivery) => ({
        ...keyOf(delivery),
        leaseToken: delivery.leaseToken,
        mark,
      }));
      const notOurs = { ...rows[0]!, leaseToken: randomUUID() };
      assert.deepEqual(await s.outbox.mark([notOurs]), { written: [], held: [] });
      assert.deepEqual(await s.outbox.mark(rows), { written: [keyOf(free)], held: [keyOf(held)] });
      assert.deepEqual((await s.claim()).deliveries.map(keyOf), [keyOf(free)]);
      const answers = [held, free].map((delivery) => ({ ...keyOf(delivery), answer: ACCEPTED }));
      assert.deepEqual(await s.outbox.closeMany([answers[0]!]), []);
      assert.deepEqual((await s.outbox.closeMany(answers)).map(keyOf), [keyOf(free)]);
    });
  }),

  behaviour('batches over the same rows in any order do not deadlock', async (s) => {
    await s.add(...Array.from({ length: 100 }, () => newMessage()));
    const { deliveries } = await s.claim();
    const mark = { kind: 'retry', waitMs: 0, code: 'REFUSED', error: 'refused' } as const;
    const forwards = deliveries.map((each) => ({ ...keyOf(each), leaseToken: each.leaseToken, mark }));
    const answers = deliveries.map((each) => ({ ...keyOf(each), answer: ACCEPTED }));
    const closed = await Promise.all([
      s.outbox.mark(forwards).then(() => []),
      s.outbox.closeMany([...answers].reverse()),
      s.outbox.mark([...forwards].reverse()).then(() => []),
      s.outbox.closeMany(answers),
      s.claim().then(() => []),
    ]);
    const keys = closed.flat().map(({ messageId }) => messageId);
    assert.equal(new Set(keys).size, keys.length, 'a row was closed twice');
    await s.outbox.closeMany(answers);
    assert.equal(await s.outbox.countUpTo(SOURCE, { states: ['completed'] }, 1000), 100);
  }),

  behaviour('keepAnswer keeps the verdict for a follow-up that is due later', async (s) => {
    const key = await s.leased('sent');
    assert.equal(await s.outbox.keepAnswer(key, REJECTED, LATER), true);
    const { state, attempts, verdict, reason, code, lastError, nextAt } = await s.record(key);
    assert.deepEqual(
      [state, attempts, verdict, reason, code, lastError],
      ['answered', 0, 'rejected', REJECTED.reason, LATER.code, LATER.error],
    );
    await s.isIn(nextAt, 5 * MINUTE);
  }),

  behaviour('keepAnswer starts a new budget: an answer to an old message is not given up at once', async (s) => {
    const key = await s.pending({ giveUpAfterMs: DAY });
    await s.outbox.keepAnswer(key, REJECTED, { ...LATER, waitMs: 0 });
    await s.advance(2 * DAY);
    assert.equal((await s.claimOnly(key)).state, 'answered');
  }),

  behaviour('closeAnswered ends an answer for the holder of the lease, once', async (s) => {
    for (const [answer, state] of [
      [ACCEPTED, 'completed'],
      [REJECTED, 'compensated'],
    ] as const) {
      const key = await s.pending();
      await s.outbox.keepAnswer(key, answer, { ...LATER, waitMs: 0 });
      const { leaseToken } = await s.claimOnly(key);
      const closeAnswered = (token: string): Promise<FollowUp | undefined> =>
        s.transaction((tx) => s.outbox.closeAnswered(tx, key, token));
      assert.equal(await closeAnswered(randomUUID()), undefined);
      assert.equal(await closeAnswered(leaseToken), 'none');
      assert.equal(await closeAnswered(leaseToken), undefined);
      const record = await s.record(key);
      assert.deepEqual(
        [record.state, record.verdict, record.reason, record.result, record.nextAt],
        [state, answer.verdict, answer.reason, answer.result, undefined],
      );
    }
    const pending = await s.leased('pending');
    assert.equal(await s.transaction((tx) => s.outbox.closeAnswered(tx, pending, pending.leaseToken)), undefined);
  }),

  behaviour('a rolled-back follow-up leaves the answer leased as it was', async (s) => {
    const delivery = await s.leased('answered');
    const failed = new Error('the compensation failed');
    const work = s.transaction(async (tx) => {
      assert.equal(await s.outbox.closeAnswered(tx, delivery, delivery.leaseToken), 'none');
      throw failed;
    });
    await failsWith(work, failed);
    assert.equal(await s.mark(delivery, { kind: 'again', waitMs: MINUTE, error: failed.message }), true);
  }),

  behaviour('a contradictory verdict changes nothing, and is kept for a person', async (s) => {
    const key = await s.into('completed');
    assert.equal(await s.close(key, REJECTED), false);
    await s.outbox.noteLateVerdict(key, ACCEPTED);
    assert.equal((await s.record(key)).lastError, undefined);
    await s.outbox.noteLateVerdict(key, REJECTED);
    const { state, verdict, reason, code, lastError } = await s.record(key);
    assert.equal(code, 'LATE_VERDICT');
    assert.deepEqual([state, verdict, reason], ['completed', 'accepted', undefined]);
    assert.match(lastError ?? '', /rejected.*OUT_OF_STOCK/);
  }),

  behaviour('a verdict that comes after discard is kept, and changes nothing else', async (s) => {
    const key = await s.into('discarded');
    assert.equal(await s.close(key, REJECTED), false);
    await s.outbox.noteLateVerdict(key, REJECTED);
    const { state, verdict, reason } = await s.record(key);
    assert.deepEqual([state, verdict, reason], ['discarded', 'rejected', REJECTED.reason]);
  }),

  behaviour('noteLateVerdict leaves rows alone that still wait for their verdict', async (s) => {
    for (const situation of UNDECIDED) {
      const key = await s.into(situation);
      const before = await s.record(key);
      await s.outbox.noteLateVerdict(key, REJECTED);
      assert.deepEqual(await s.record(key), before);
    }
  }),

  behaviour('a receipt answers one consumer and leaves the others', async (s) => {
    const deliveries = ['mail', 'stock'].map((consumer) => ({ consumer, followUp: 'none' }) as const);
    const message = newMessage({ deliveries });
    await s.add(message);
    await s.close({ messageId: message.id, consumer: 'stock' }, REJECTED);
    const states = (await s.outbox.find(message.id)).map(({ consumer, state }) => [consumer, state]);
    assert.deepEqual(states, [
      ['mail', 'pending'],
      ['stock', 'compensated'],
    ]);
    assert.equal(await s.close({ messageId: message.id, consumer: 'nobody' }, REJECTED), false);
    assert.equal(await s.close({ messageId: randomUUID(), consumer: 'stock' }, REJECTED), false);
  }),

  behaviour('defer sends pending and sent rows back to wait, if the receipt is for their last attempt', async (s) => {
    await s.onlyIn(['pending', 'sent'], async (key) => s.outbox.defer(key, (await s.record(key)).attempts, LATER));
    const delivery = await s.leased('sent');
    assert.equal(await s.outbox.defer(delivery, delivery.attempt - 1, LATER), false);
    assert.equal(await s.outbox.defer(delivery, delivery.attempt, LATER), true);
    const { state, attempts, nextAt, code, lastError } = await s.record(delivery);
    assert.deepEqual([state, attempts, code, lastError], ['pending', 2, LATER.code, LATER.error]);
    await s.isIn(nextAt, 5 * MINUTE);
    const hurried = await s.leased('pending', { deadlineMs: MINUTE });
    await s.outbox.defer(hurried, 1, LATER);
    await s.isIn((await s.record(hurried)).nextAt, MINUTE);
  }),

  behaviour('park takes pending and sent rows out of the way, if the receipt is for their last attempt', async (s) => {
    const reason = { code: 'UNPROCESSABLE', error: 'UNKNOWN_TYPE' } as const;
    await s.onlyIn(['pending', 'sent'], async (key) => s.outbox.park(key, (await s.record(key)).attempts, reason));
    const delivery = await s.leased('sent');
    assert.equal(await s.outbox.park(delivery, delivery.attempt - 1, reason), false);
    assert.equal(await s.outbox.park(delivery, delivery.attempt, reason), true);
    const { state, nextAt, code, lastError } = await s.record(delivery);
    assert.deepEqual(
      [state, nextAt, code, lastError],
      ['parked', undefined, 'UNPROCESSABLE', 'UNPROCESSABLE: UNKNOWN_TYPE'],
    );
  }),

  behaviour('park for any attempt takes cancelling rows, too', async (s) => {
    const reason = { code: 'EXPIRED', error: 'older than 14 d' } as const;
    await s.onlyIn(['pending', 'sent', 'cancelling'], (key) => s.outbox.park(key, 'any', reason));
  }),
];
