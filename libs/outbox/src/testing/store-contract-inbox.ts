import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type InboxBegin, type InboxMessage, TwinInProgressError } from '../ports/store';
import { behaviour, CONSUMER, DAY, failsWith, MINUTE, type Scenario, SECOND } from './store-contract-scenario';

const LIMITS = { horizonMs: 14 * DAY, lockTimeoutMs: 20 * SECOND };
const REASON = { code: 'OUT_OF_STOCK', message: 'zero \u0000 😀', details: { left: 0 } };

const begin = (s: Scenario, message: InboxMessage): Promise<InboxBegin> =>
  s.transaction((tx) => s.inbox.begin(tx, message, LIMITS));
const failed = new Error('the handler failed');

/** The consumer's half: one row per message and consumer, the first one counts. */
export const inboxCases = [
  behaviour('begin stores an accepted row for the first copy, and every later copy gets that row', async (s) => {
    const message = await s.arriving();
    assert.deepEqual(await s.inbox.look(message, LIMITS), { kind: 'new' });
    const first = await begin(s, message);
    assert.ok(first.kind === 'first');
    await s.isNow(first.receivedAt);
    const known = {
      kind: 'known',
      row: {
        verdict: 'accepted',
        reason: undefined,
        result: undefined,
        payloadHash: message.payloadHash,
        receivedAt: first.receivedAt,
      },
    };
    assert.deepEqual(await begin(s, message), known);
    assert.deepEqual(await s.inbox.look(message, LIMITS), known);
    assert.deepEqual(await s.inbox.reject(message, REASON, LIMITS), known);
  }),

  behaviour('begin leaves no trace of a handler that failed', async (s) => {
    const message = await s.arriving();
    const work = s.transaction(async (tx) => {
      await s.inbox.begin(tx, message, LIMITS);
      throw failed;
    });
    await failsWith(work, failed);
    assert.deepEqual(await s.inbox.look(message, LIMITS), { kind: 'new' });
    assert.equal((await begin(s, message)).kind, 'first');
  }),

  behaviour(
    'beginMany stores rows for the new ones of several messages, and says nothing about the others',
    async (s) => {
      const [known, late, old, ahead] = [
        await s.arriving(),
        await s.arriving({ messageId: randomUUID(), deadlineAt: await s.ago(SECOND) }),
        await s.arriving({ messageId: randomUUID(), recordedAt: await s.ago(LIMITS.horizonMs + MINUTE) }),
        await s.arriving({ messageId: randomUUID(), recordedAt: await s.ago(-61 * MINUTE) }),
      ];
      const fresh = await s.arriving({ messageId: randomUUID() });
      const hurried = await s.arriving({ messageId: randomUUID(), deadlineAt: await s.ago(-MINUTE) });
      await begin(s, known);
      const begun = await s.transaction((tx) =>
        s.inbox.beginMany(tx, [fresh, known, late, old, ahead, hurried], LIMITS),
      );
      assert.deepEqual(
        begun.map(({ messageId }) => messageId),
        [fresh.messageId, hurried.messageId].sort(),
      );
      for (const { receivedAt } of begun) await s.isNow(receivedAt);
      for (const message of [fresh, hurried]) {
        const found = await s.inbox.look(message, LIMITS);
        assert.ok(found.kind === 'known' && found.row.verdict === 'accepted');
        assert.deepEqual(found.row.payloadHash, message.payloadHash);
      }
      for (const message of [late, old, ahead]) assert.notEqual((await s.inbox.look(message, LIMITS)).kind, 'known');
      assert.deepEqual(await s.transaction((tx) => s.inbox.beginMany(tx, [], LIMITS)), []);
    },
  ),

  behaviour('beginMany that waits for a twin says so in the end, and leaves no trace of the others', async (s) => {
    const [low, high] = [randomUUID(), randomUUID()].sort();
    for (const twinId of [low, high]) {
      const twin = await s.arriving({ messageId: twinId });
      const others = [await s.arriving({ messageId: twinId === low ? high : low })];
      await s
        .transaction(async (tx) => {
          await s.inbox.begin(tx, twin, LIMITS);
          const copies = [...others, twin];
          const group = s.transaction((tx) => s.inbox.beginMany(tx, copies, { ...LIMITS, lockTimeoutMs: 50 }));
          await assert.rejects(group, TwinInProgressError);
          throw failed;
        })
        .catch((error) => assert.equal(error, failed));
      for (const message of [twin, ...others]) assert.deepEqual(await s.inbox.look(message, LIMITS), { kind: 'new' });
    }
  }),

  behaviour('beginMany lets two groups with the same messages pass, in whatever order they have them', async (s) => {
    const group = await Promise.all(Array.from({ length: 6 }, () => s.arriving({ messageId: randomUUID() })));
    const begun = await Promise.all(
      [group, [...group].reverse(), group].map((messages) =>
        s.transaction((tx) => s.inbox.beginMany(tx, messages, LIMITS)),
      ),
    );
    const ids = begun.flat().map(({ messageId }) => messageId);
    assert.deepEqual(ids.sort(), group.map(({ messageId }) => messageId).sort());
  }),

  behaviour('keepResults adds what the handler returned, each to its own row', async (s) => {
    const group = await Promise.all(Array.from({ length: 4 }, () => s.arriving({ messageId: randomUUID() })));
    const namesake = { ...group[0]!, source: 'stock-service' };
    const kept = [group[2]!, group[0]!, group[3]!].map((key, index) => ({
      key,
      result: ['two', { zero: 0 }, null][index],
    }));
    await s.transaction(async (tx) => {
      await s.inbox.beginMany(tx, group, LIMITS);
      await s.inbox.begin(tx, namesake, LIMITS);
      await s.inbox.keepResults(tx, kept);
      await s.inbox.keepResults(tx, []);
    });
    const found = await Promise.all([...group, namesake].map((message) => s.inbox.look(message, LIMITS)));
    assert.deepEqual(
      found.map((look) => look.kind === 'known' && look.row.result),
      [{ zero: 0 }, undefined, 'two', null, undefined],
    );
  }),

  behaviour('keepResults adds what the handler returned to a single row', async (s) => {
    for (const result of [{ orderId: 'o-1', text: '\u0000 \ud800 😀' }, null, undefined]) {
      const message = await s.arriving();
      await s.transaction(async (tx) => {
        await s.inbox.begin(tx, message, LIMITS);
        await s.inbox.keepResults(tx, [{ key: message, result }]);
      });
      const found = await s.inbox.look(message, LIMITS);
      assert.deepEqual(found.kind === 'known' && found.row.result, result);
    }
  }),

  behaviour('reject stores a rejection, and never overwrites what is there', async (s) => {
    const message = await s.arriving();
    const stored = await s.inbox.reject(message, REASON, LIMITS);
    assert.ok(stored.kind === 'stored');
    assert.deepEqual([stored.row.verdict, stored.row.reason], ['rejected', REASON]);
    const known = { kind: 'known', row: stored.row };
    assert.deepEqual(await s.inbox.reject(message, { code: 'CANCELLED' }, LIMITS), known);
    assert.deepEqual(await begin(s, message), known);
  }),

  behaviour('a row stored by a cancel has no payload hash', async (s) => {
    const message = await s.arriving({ payloadHash: undefined });
    const stored = await s.inbox.reject(message, { code: 'CANCELLED' }, LIMITS);
    assert.ok(stored.kind === 'stored');
    assert.equal(stored.row.payloadHash, undefined);
  }),

  behaviour('the same id from two producers names two messages', async (s) => {
    const message = await s.arriving();
    const other = { ...message, source: 'stock-service' };
    await s.inbox.reject(other, REASON, LIMITS);
    assert.deepEqual(await s.inbox.look(message, LIMITS), { kind: 'new' });
    await s.transaction(async (tx) => {
      assert.equal((await s.inbox.begin(tx, message, LIMITS)).kind, 'first');
      await s.inbox.keepResults(tx, [{ key: message, result: 'mine' }]);
    });
    const [mine, theirs] = [await s.inbox.look(message, LIMITS), await s.inbox.look(other, LIMITS)];
    assert.ok(mine.kind === 'known' && theirs.kind === 'known');
    assert.deepEqual([mine.row.verdict, mine.row.result], ['accepted', 'mine']);
    assert.deepEqual([theirs.row.verdict, theirs.row.result], ['rejected', undefined]);
    const group = [{ ...message, source: 'mail-service' }];
    assert.equal((await s.transaction((tx) => s.inbox.beginMany(tx, group, LIMITS))).length, 1);
  }),

  behaviour('consumers are told apart by every character of their name', async (s) => {
    const message = await s.arriving();
    for (const consumer of [CONSUMER, 'stock', 'Order-Service', `${CONSUMER} `]) {
      assert.equal((await begin(s, { ...message, consumer })).kind, 'first');
    }
  }),

  behaviour('of many copies at once exactly one is first', async (s) => {
    const message = await s.arriving();
    const answers = await Promise.all(Array.from({ length: 5 }, () => begin(s, message)));
    assert.deepEqual(answers.map(({ kind }) => kind).sort(), ['first', 'known', 'known', 'known', 'known']);
  }),

  behaviour('a copy waits for its twin: it gets the verdict, or takes over if the twin failed', async (s) => {
    for (const twinFails of [false, true]) {
      const message = await s.arriving();
      let copy!: Promise<InboxBegin>;
      const twin = s.transaction(async (tx) => {
        await s.inbox.begin(tx, message, LIMITS);
        copy = begin(s, message);
        if (twinFails) throw failed;
      });
      if (twinFails) await failsWith(twin, failed);
      else await twin;
      assert.equal((await copy).kind, twinFails ? 'first' : 'known');
    }
  }),

  behaviour('a copy that has waited long enough says that its twin is in progress', async (s) => {
    const message = await s.arriving();
    const impatient = { ...LIMITS, lockTimeoutMs: 50 };
    await s.transaction(async (tx) => {
      await s.inbox.begin(tx, message, LIMITS);
      const copy = s.transaction((other) => s.inbox.begin(other, message, impatient));
      await assert.rejects(copy, TwinInProgressError);
      await assert.rejects(s.inbox.reject(message, REASON, impatient), TwinInProgressError);
    });
    assert.equal((await begin(s, message)).kind, 'known');
  }),

  behaviour('a message that arrives after its deadline is stored as rejected', async (s) => {
    const message = await s.arriving({ deadlineAt: await s.ago(SECOND) });
    const answer = await begin(s, message);
    assert.ok(answer.kind === 'past-deadline');
    assert.deepEqual([answer.row.verdict, answer.row.reason?.code], ['rejected', 'DEADLINE']);
    assert.deepEqual(await s.inbox.look(message, LIMITS), { kind: 'known', row: answer.row });
    const hurried = await s.arriving({ deadlineAt: await s.ago(-MINUTE) });
    assert.equal((await begin(s, hurried)).kind, 'first');
  }),

  behaviour('a message that was handled in time is replayed after its deadline', async (s) => {
    const message = await s.arriving();
    await begin(s, message);
    assert.equal((await begin(s, { ...message, deadlineAt: await s.ago(SECOND) })).kind, 'known');
  }),

  behaviour('a message beyond the horizon is not executed, not rejected and not stored', async (s) => {
    const message = await s.arriving({ recordedAt: await s.ago(LIMITS.horizonMs + MINUTE) });
    const expired = { kind: 'EXPIRED' };
    assert.deepEqual(await s.inbox.look(message, LIMITS), expired);
    assert.deepEqual(await begin(s, message), expired);
    assert.deepEqual(await s.inbox.reject(message, { code: 'CANCELLED' }, LIMITS), expired);
    assert.deepEqual(await s.inbox.look({ ...message, recordedAt: await s.ago(0) }, LIMITS), { kind: 'new' });
    const recent = await s.arriving({ recordedAt: await s.ago(LIMITS.horizonMs - MINUTE) });
    assert.equal((await begin(s, recent)).kind, 'first');
  }),

  behaviour('a message beyond the horizon with a row is replayed', async (s) => {
    const message = await s.arriving();
    await begin(s, message);
    const old = { ...message, recordedAt: await s.ago(LIMITS.horizonMs + DAY) };
    assert.equal((await s.inbox.look(old, LIMITS)).kind, 'known');
    assert.equal((await begin(s, old)).kind, 'known');
    assert.equal((await s.inbox.reject(old, { code: 'CANCELLED' }, LIMITS)).kind, 'known');
  }),

  behaviour('a message from more than an hour ahead is not executed and not stored', async (s) => {
    const message = await s.arriving({ recordedAt: await s.ago(-61 * MINUTE) });
    assert.deepEqual(await s.inbox.look(message, LIMITS), { kind: 'CLOCK' });
    assert.deepEqual(await begin(s, message), { kind: 'CLOCK' });
    assert.deepEqual(await s.inbox.reject(message, REASON, LIMITS), { kind: 'CLOCK' });
    const skewed = await s.arriving({ recordedAt: await s.ago(-59 * MINUTE) });
    assert.equal((await begin(s, skewed)).kind, 'first');
  }),

  behaviour('registerHandlers names what the service has handled besides', async (s) => {
    const [create, note, theirs] = [
      { type: 'order.requested', where: 'Orders.create' },
      { type: 'order.noted', where: 'Orders.note' },
      { type: 'mail.wanted', where: 'Mails.send' },
    ] as const;
    await s.inbox.registerHandlers('mail', [theirs]);
    assert.deepEqual(await s.inbox.registerHandlers(CONSUMER, [create, note]), []);
    assert.deepEqual(await s.inbox.registerHandlers(CONSUMER, [create, note]), []); // every process does, at every start
    assert.deepEqual(await s.inbox.registerHandlers(CONSUMER, [{ ...create, where: 'Orders.make' }]), [note]);
    assert.deepEqual(await s.inbox.registerHandlers(CONSUMER, []), [note, create]);
  }),

  behaviour('prune deletes rows received long ago, a bounded number at a time', async (s) => {
    const old = await Promise.all(Array.from({ length: 3 }, () => s.arriving({ messageId: randomUUID() })));
    for (const message of old) await begin(s, message);
    await s.advance(16 * DAY);
    const fresh = await s.arriving();
    await begin(s, fresh);
    assert.equal(await s.inbox.prune('stock', 15 * DAY, 2), 0);
    assert.equal(await s.inbox.prune(CONSUMER, 15 * DAY, 2), 2);
    assert.equal(await s.inbox.prune(CONSUMER, 15 * DAY, 2), 1);
    assert.equal(await s.inbox.prune(CONSUMER, 15 * DAY, 2), 0);
    assert.equal((await s.inbox.look(fresh, LIMITS)).kind, 'known');
    for (const message of old) assert.notEqual((await s.inbox.look(message, LIMITS)).kind, 'known');
  }),
];
