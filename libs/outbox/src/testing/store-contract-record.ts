import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { MessageAlreadyRecordedError } from '../errors';
import { EVERYBODY } from '../message/delivery';
import { behaviour, CONSUMER, DAY, failsWith, MINUTE, newMessage, SECOND } from './store-contract-scenario';

/** Payloads that a column or driver could change on the way. */
const AWKWARD_PAYLOADS = [
  '{"b":1,  "a":1.0, "a":2}',
  '{"zero":"\\u0000","escape":"\\u00e9 \\/","lone":"\\ud800"}',
  '"😀 ß 本地消息表 \u2028"',
  '12345678901234567890.10',
  ' [1,\n2]\t',
  JSON.stringify(`${'long '.repeat(40 * 1024)}`),
];

/** `add`: messages are recorded with the caller's transaction, exactly as they are. */
export const recordCases = [
  behaviour('add records a message that is due at once, with the time the store recorded it', async (s) => {
    const message = newMessage();
    const [added] = await s.add(message);
    assert.equal(added!.id, message.id);
    assert.equal(added!.deadlineAt, undefined);
    assert.match(added!.recordedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z$/);
    await s.isNow(added!.recordedAt);

    const key = { messageId: message.id, consumer: CONSUMER };
    const { nextAt, ...record } = await s.record(key);
    await s.isNow(nextAt);
    assert.deepEqual(record, {
      ...key,
      type: 'order.requested',
      key: 'user-1',
      state: 'pending',
      attempts: 0,
      followUp: 'none',
      verdict: undefined,
      reason: undefined,
      result: undefined,
      code: undefined,
      lastError: undefined,
      recordedAt: added!.recordedAt,
      deadlineAt: undefined,
      sentAt: undefined,
      settledAt: undefined,
    });
    const { message: claimed } = await s.claimOnly(key);
    assert.deepEqual(claimed, {
      id: message.id,
      type: 'order.requested',
      source: 'user-service',
      key: 'user-1',
      payload: '{"quantity": 1}',
      headers: { 'x-tenant': 'acme' },
      recordedAt: added!.recordedAt,
    });
  }),

  behaviour('add records nothing if the transaction rolls back', async (s) => {
    const message = newMessage();
    const refused = new Error('refused by the business');
    const work = s.transaction(async (tx) => {
      await s.outbox.add(tx, [message]);
      throw refused;
    });
    await failsWith(work, refused);
    assert.deepEqual(await s.outbox.find(message.id), []);
    await s.claimsNothing();
  }),

  behaviour('add keeps the payload text byte for byte, alone and among others', async (s) => {
    const messages = AWKWARD_PAYLOADS.map((payload) => newMessage({ payload, key: undefined, headers: {} }));
    await s.add(messages[0]!);
    await s.add(...messages.slice(1));
    const { deliveries } = await s.claim();
    const kept = new Map(deliveries.map(({ message }) => [message.id, message]));
    for (const { id, payload } of messages) {
      assert.equal(kept.get(id)?.payload, payload);
      assert.equal(kept.get(id)?.key, undefined);
      assert.deepEqual(kept.get(id)?.headers, {});
    }
  }),

  behaviour('add keeps a delayed message back, but not past its deadline', async (s) => {
    const [delayed] = await s.add(newMessage({ delayMs: 20 * MINUTE, deadlineMs: 30 * MINUTE }));
    await s.isIn(delayed!.deadlineAt, 30 * MINUTE);
    const late = await s.pending({ delayMs: 20 * MINUTE, deadlineMs: 10 * MINUTE });
    await s.isIn((await s.record({ messageId: delayed!.id, consumer: CONSUMER })).nextAt, 20 * MINUTE);
    await s.isIn((await s.record(late)).nextAt, 10 * MINUTE);
    await s.claimsNothing();
  }),

  behaviour('add gives a message that is handed off its first attempt and a lease', async (s) => {
    const token = randomUUID();
    const key = await s.pending({ lease: { token, leaseMs: 60 * SECOND }, delayMs: 20 * MINUTE, deadlineMs: SECOND });
    const { attempts, nextAt } = await s.record(key);
    assert.equal(attempts, 1);
    await s.isIn(nextAt, 60 * SECOND);
    await s.claimsNothing();
    const marked = await s.outbox.mark([{ ...key, leaseToken: token, mark: { kind: 'sent', waitMs: 0 } }]);
    assert.deepEqual(marked, { written: [key], held: [] });
  }),

  behaviour('a message that was handed off and then forgotten is claimed when its lease ends', async (s) => {
    const key = await s.pending({ lease: { token: randomUUID(), leaseMs: 60 * SECOND } });
    await s.advance(61 * SECOND);
    assert.equal((await s.claimOnly(key)).attempt, 2);
  }),

  behaviour('add records one delivery per consumer, each with its own follow-up', async (s) => {
    const message = newMessage({
      deliveries: [
        { consumer: 'stock', followUp: 'both' },
        { consumer: 'mail', followUp: 'none' },
      ],
    });
    await s.add(message);
    const records = await s.outbox.find(message.id);
    assert.deepEqual(
      records.map(({ consumer, followUp }) => [consumer, followUp]),
      [
        ['mail', 'none'],
        ['stock', 'both'],
      ],
    );
  }),

  behaviour('add records many messages at once and answers in their order', async (s) => {
    const token = randomUUID();
    const messages = [
      newMessage({ deadlineMs: 10 * MINUTE }),
      newMessage({ deliveries: [{ consumer: EVERYBODY, followUp: 'none' }], key: undefined }),
      newMessage({ lease: { token, leaseMs: 60 * SECOND }, giveUpAfterMs: DAY }),
      newMessage({ delayMs: 20 * MINUTE }),
    ];
    const added = await s.add(...messages);
    assert.deepEqual(
      added.map(({ id }) => id),
      messages.map(({ id }) => id),
    );
    await s.isIn(added[0]!.deadlineAt, 10 * MINUTE);
    assert.equal(added[1]!.deadlineAt, undefined);
    const { deliveries } = await s.claim();
    assert.deepEqual(
      new Set(deliveries.map(({ messageId }) => messageId)),
      new Set([messages[0]!.id, messages[1]!.id]),
    );
    assert.deepEqual((await s.outbox.find(messages[2]!.id))[0]!.attempts, 1);
    await s.isIn((await s.outbox.find(messages[3]!.id))[0]!.nextAt, 20 * MINUTE);
  }),

  behaviour('add of nothing is no error', async (s) => {
    assert.deepEqual(await s.add(), []);
  }),

  behaviour('add refuses an id that exists and names it', async (s) => {
    const message = newMessage();
    await s.add(message);
    const refused = (error: unknown): boolean =>
      error instanceof MessageAlreadyRecordedError && error.message.includes(message.id);
    await assert.rejects(s.add(message), refused);
    await assert.rejects(s.add(newMessage(), message, newMessage()), refused);
    const twin = newMessage();
    await assert.rejects(s.add(twin, twin), MessageAlreadyRecordedError);
    assert.deepEqual(await s.outbox.find(twin.id), []);
  }),

  behaviour('addLater, in a store that has it, adds what add does, before whatever is asked next', async (s) => {
    const { outbox } = s;
    if (!outbox.addLater) return;
    const [mine, others] = [newMessage(), newMessage({ deadlineMs: MINUTE })];
    const { found, answer } = await s.transaction(async (tx) => {
      const later = await outbox.addLater!(tx, [mine, others]);
      return { ...later, found: await outbox.find(others.id, tx) };
    });
    assert.equal(found.length, 1);
    const rows = await answer;
    assert.deepEqual(
      rows.map(({ id, deadlineAt }) => [id, deadlineAt]),
      [
        [mine.id, undefined],
        [others.id, found[0]!.deadlineAt],
      ],
    );
    await s.isNow(rows[0]!.recordedAt);
    const again = s.transaction(async (tx) => {
      const later = await outbox.addLater!(tx, [mine]);
      later.answer.catch(() => {});
      await outbox.find(mine.id, tx).catch(() => {});
      await later.answer;
    });
    await assert.rejects(again, MessageAlreadyRecordedError);
  }),

  behaviour('of two transactions that add the same id one fails', async (s) => {
    const message = newMessage();
    const outcomes = await Promise.allSettled([s.add(message), s.add(message)]);
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.equal(failed.length, 1);
    assert.ok(failed[0]!.reason instanceof MessageAlreadyRecordedError, String(failed[0]!.reason));
  }),

  behaviour('stillRecorded names the messages that this lease still holds in this transaction', async (s) => {
    const lease = { token: randomUUID(), leaseMs: 60 * SECOND };
    const mine = newMessage({
      lease,
      deliveries: [
        { consumer: 'a', followUp: 'none' },
        { consumer: 'b', followUp: 'none' },
      ],
    });
    const others = newMessage({ lease: { ...lease, token: randomUUID() } });
    const gone = newMessage({ lease });
    const found = await s.transaction(async (tx) => {
      await s.outbox.add(tx, [mine, others]);
      return s.outbox.stillRecorded(tx, lease.token, [mine.id, others.id, gone.id]);
    });
    assert.deepEqual(found, [mine.id]);
  }),
];
