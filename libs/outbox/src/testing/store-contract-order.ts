import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { ClaimedDelivery, DeliveryKey } from '../message/delivery';
import { keyText } from '../message/envelope';
import type { NewMessage, TurnLease } from '../ports/store';
import {
  ACCEPTED,
  behaviour,
  CONSUMER,
  keyOf,
  MINUTE,
  newMessage,
  REJECTED,
  type Scenario,
  SECOND,
  SOURCE,
} from './store-contract-scenario';

const ordered = (more: Partial<NewMessage> = {}): NewMessage => newMessage({ ordered: true, ...more });
const deliveryOf = ({ id, deliveries }: NewMessage): DeliveryKey => ({
  messageId: id,
  consumer: deliveries[0]!.consumer,
});

/** Records ordered messages, each in a transaction of its own. */
async function recorded(s: Scenario, ...more: Partial<NewMessage>[]): Promise<DeliveryKey[]> {
  const messages = more.map(ordered);
  for (const message of messages) await s.add(message);
  return messages.map(deliveryOf);
}

async function claimed(s: Scenario, source = SOURCE): Promise<DeliveryKey[]> {
  return (await s.claim({ source })).deliveries.map(keyOf);
}

const lease = (): TurnLease => ({ leaseToken: randomUUID(), leaseMs: 30 * SECOND, giveUpAfterMs: MINUTE });

/** Closes what was accepted, and lets the next ones go: those that were not taken by the statement that closes. @returns who was taken */
async function passedOn(s: Scenario, keys: readonly DeliveryKey[], by = lease()): Promise<ClaimedDelivery[]> {
  const closed = await s.outbox.closeMany(
    keys.map((key) => ({ ...key, answer: ACCEPTED })),
    by,
  );
  assert.deepEqual(closed.map(keyOf).map(keyText).sort(), keys.map(keyText).sort());
  const taken = closed.flatMap(({ next }) => next ?? []);
  const { taken: rest } = await s.outbox.nextTurn(
    closed.filter(({ ordered: isOrdered, next }) => isOrdered && !next).map(keyOf),
    by,
  );
  return [...taken, ...rest];
}

const closes: Readonly<Record<string, (s: Scenario, key: DeliveryKey) => Promise<{ ordered: boolean } | undefined>>> = {
  'by a batch of receipts': async (s, key) => (await s.outbox.closeMany([{ ...key, answer: ACCEPTED }]))[0],
  'by one receipt': (s, key) => s.transaction((tx) => s.outbox.close(tx, key, REJECTED)),
  'by a person': async (s, { messageId }) => {
    await s.outbox.discard(messageId, { reason: 'seen', force: true });
    return { ordered: true };
  },
};

/** `ordered`: what is claimed when, and who is next. */
export const orderCases = [
  behaviour(
    'ordered deliveries of a key are claimed one after another, each when the one before is final',
    async (s) => {
      const keys = await recorded(s, {}, {}, {});
      for (const key of keys) {
        const delivery = await s.claimOnly(key);
        assert.deepEqual([delivery.ordered, delivery.attempt], [true, 1]);
        assert.deepEqual(await claimed(s), []);
        await s.mark(delivery, { kind: 'sent', waitMs: 20 * MINUTE });
        assert.deepEqual(await claimed(s), []);
        assert.equal((await closes['by a batch of receipts']!(s, key))?.ordered, true);
        await s.outbox.nextTurn([key]);
      }
      await s.claimsNothing();
    },
  ),

  behaviour(
    'who waits for his turn says so, spends no attempt and no budget, and is read by no later claim',
    async (s) => {
      const [first, second] = await recorded(s, {}, { giveUpAfterMs: 10 * SECOND });
      const { deliveries, held, waiting } = await s.claim();
      assert.deepEqual([deliveries.map(keyOf), held, waiting], [[first], 1, [second]]);
      assert.equal((await s.claim()).held, 0);
      const { state, attempts, code, lastError } = await s.record(second!);
      assert.deepEqual([state, attempts, code, lastError], ['pending', 0, 'WAITS_ITS_TURN', undefined]);
      await s.advance(15 * SECOND);
      await s.close(first!, ACCEPTED);
      assert.deepEqual(await s.outbox.nextTurn([first!]), { due: 1, taken: [], held: [] });
      await s.isNow((await s.record(second!)).nextAt);
      await s.claimOnly(second!, { giveUpAfterMs: MINUTE });
      assert.equal((await s.record(second!)).code, undefined);
    },
  ),

  behaviour(
    'a key waits for nobody else: neither for other keys, consumers and services, nor for unordered ones',
    async (s) => {
      const to = (consumer: string) => ({ deliveries: [{ consumer, followUp: 'none' }] }) as const;
      const [first] = await recorded(s, {}, {});
      await s.claimOnly(first!);
      const others = await recorded(s, { key: 'user-2' }, to('mail-service'));
      const plain = await s.pending();
      assert.deepEqual(new Set(await claimed(s)), new Set([...others, plain]));
      const source = 'another-service';
      assert.deepEqual(await claimed(s, source), []);
      const theirs = await recorded(s, { source });
      assert.deepEqual(await claimed(s, source), theirs);
    },
  ),

  behaviour('ordered types of one key are in one line', async (s) => {
    const [first, second] = await recorded(s, {}, { type: 'order.amended' });
    await s.claimOnly(first!);
    assert.deepEqual(await claimed(s), []);
    await s.close(first!, ACCEPTED);
    await s.outbox.nextTurn([first!]);
    await s.claimOnly(second!);
  }),

  behaviour('with several consumers each has a line of its own', async (s) => {
    const deliveries = [CONSUMER, 'mail-service'].map((consumer) => ({ consumer, followUp: 'none' as const }));
    const [one, two] = [ordered({ deliveries }), ordered({ deliveries })];
    await s.add(one, two);
    assert.deepEqual(new Set((await claimed(s)).map(({ messageId }) => messageId)), new Set([one.id]));
    const mail = { messageId: one.id, consumer: 'mail-service' };
    await s.close(mail, ACCEPTED);
    await s.outbox.nextTurn([mail]);
    await s.claimOnly({ messageId: two.id, consumer: 'mail-service' });
  }),

  behaviour('recorded in one transaction, they are in the order in which they were added', async (s) => {
    // Ids say nothing: these run against the order.
    const ids = Array.from({ length: 6 }, () => randomUUID())
      .sort()
      .reverse();
    const messages = ids.map((id) => ordered({ id }));
    await s.transaction(async (tx) => {
      await s.outbox.add(tx, messages.slice(0, 1));
      await s.outbox.add(tx, messages.slice(1, 4));
      await s.outbox.add(tx, messages.slice(4));
    });
    for (const message of messages) {
      await s.claimOnly(deliveryOf(message));
      await s.close(deliveryOf(message), ACCEPTED);
      await s.outbox.nextTurn([deliveryOf(message)]);
    }
  }),

  behaviour('who records a key waits for the end of whoever records it, and for nobody else', async (s) => {
    const [first, rolledBack, second] = [ordered(), ordered(), ordered()];
    const order: string[] = [];
    let letGo = (): void => {};
    const held = new Promise<void>((resolve) => (letGo = resolve));
    let began = (): void => {};
    const recording = new Promise<void>((resolve) => (began = resolve));
    const slow = s.transaction(async (tx) => {
      await s.outbox.add(tx, [first]);
      began();
      await held;
      order.push('the slow one ends');
    });
    await recording;
    const waits = s.transaction(async (tx) => {
      await s.outbox.add(tx, [rolledBack]);
      order.push('the next one is recorded');
      throw new Error('and rolls back');
    });
    // While these two are under way, others pass.
    await s.add(ordered({ key: 'user-2' }), ordered({ key: 'user-3' }));
    await s.add(newMessage());
    letGo();
    await slow;
    await assert.rejects(waits, /rolls back/);
    await s.add(second);
    assert.deepEqual(order, ['the slow one ends', 'the next one is recorded']);
    const { deliveries, waiting } = await s.claim();
    const mine = deliveries.filter(({ ordered: inOrder, message }) => inOrder && message.key === 'user-1');
    assert.deepEqual([mine.map(keyOf), waiting], [[deliveryOf(first)], [deliveryOf(second)]]);
  }),

  ...Object.entries(closes).map(([how, close]) =>
    behaviour(`one that is parked holds its key back, visibly, until it is final ${how}`, async (s) => {
      const [first, second] = await recorded(s, {}, {});
      await s.claim();
      await s.outbox.park(first!, 'any', { code: 'UNPROCESSABLE', error: 'UNKNOWN_TYPE' });
      await s.advance(31 * SECOND);
      assert.deepEqual(await claimed(s), []);
      assert.equal((await s.record(second!)).code, 'WAITS_ITS_TURN');
      assert.equal((await close(s, first!))?.ordered, true);
      await s.outbox.nextTurn([first!]);
      await s.claimOnly(second!);
    }),
  ),

  behaviour('one that is deferred, answered or being cancelled holds its key back', async (s) => {
    const later = { waitMs: 10 * SECOND, code: 'NOT_YET', error: 'NOT_YET: busy' };
    const [first, second] = await recorded(s, {}, {});
    const { attempt } = await s.claimOnly(first!);
    await s.outbox.defer(first!, attempt, later);
    assert.deepEqual(await claimed(s), []);
    await s.outbox.cancel(undefined, first!.messageId, { reason: 'changed my mind' });
    assert.deepEqual(await claimed(s), [first]);
    await s.outbox.keepAnswer(first!, ACCEPTED, later);
    assert.deepEqual(await s.outbox.nextTurn([first!]), { due: 0, taken: [], held: [] });
    await s.advance(10 * SECOND);
    const { leaseToken } = await s.claimOnly(first!);
    await s.transaction((tx) => s.outbox.closeAnswered(tx, first!, leaseToken));
    await s.outbox.nextTurn([first!]);
    await s.claimOnly(second!);
  }),

  behaviour(
    'one that waits for its turn can be cancelled, and is at its deadline: then it holds back nobody',
    async (s) => {
      const [first, second, third, last] = await recorded(s, {}, { deadlineMs: 5 * SECOND }, {}, {});
      await s.claimOnly(first!);
      await s.isIn((await s.record(second!)).nextAt, 5 * SECOND);
      await s.outbox.cancel(undefined, third!.messageId, { reason: 'changed my mind' });
      await s.advance(5 * SECOND);
      const { deliveries } = await s.claim();
      const asked = deliveries.map(({ messageId, state }) => [messageId, state]);
      assert.deepEqual(new Set(asked.map(([id]) => id)), new Set([second!.messageId, third!.messageId]));
      assert.ok(asked.every(([, state]) => state === 'cancelling'));
      for (const key of [second!, third!]) await s.close(key, REJECTED);
      assert.deepEqual(await s.outbox.nextTurn([second!, third!]), { due: 0, taken: [], held: [] });
      await s.close(first!, ACCEPTED);
      await s.outbox.nextTurn([first!]);
      await s.claimOnly(last!);
    },
  ),

  behaviour('a pause holds a key back like everything else, and its end lets it go in order', async (s) => {
    const keys = await recorded(s, {}, {});
    await s.outbox.pause(SOURCE, {}, { by: 'ada', reason: 'their database moves' });
    assert.equal((await s.claim()).held, 2);
    await s.outbox.resume(SOURCE, {}, { by: 'ada', reason: undefined });
    await s.claimOnly(keys[0]!);
    await s.close(keys[0]!, ACCEPTED);
    await s.outbox.nextTurn([keys[0]!]);
    await s.claimOnly(keys[1]!);
  }),

  behaviour(
    'should nobody say that its turn has come, it looks by itself: after as long again as it has waited',
    async (s) => {
      const [first, second] = await recorded(s, {}, {});
      await s.claimOnly(first!);
      await s.isIn((await s.record(second!)).nextAt, 30 * SECOND);
      await s.advance(31 * SECOND);
      assert.equal((await s.claim()).held, 1);
      await s.isIn((await s.record(second!)).nextAt, 35 * SECOND);
      await s.close(first!, ACCEPTED);
      await s.advance(45 * SECOND);
      await s.claimOnly(second!);
    },
  ),

  behaviour(
    'nextTurn is about the keys of what it is given, and leaves alone what is not held for its turn',
    async (s) => {
      const plain = await s.pending({ delayMs: MINUTE });
      const [first, second] = await recorded(s, {}, {}, { key: 'user-2' }, { key: 'user-2' });
      await s.claim();
      assert.deepEqual(await s.outbox.nextTurn([]), { due: 0, taken: [], held: [] });
      assert.deepEqual(await s.outbox.nextTurn([plain, { messageId: randomUUID(), consumer: CONSUMER }]), {
        due: 0,
        taken: [],
        held: [],
      });
      assert.deepEqual(await s.outbox.nextTurn([first!, second!]), { due: 0, taken: [], held: [] });
      assert.deepEqual(await claimed(s), []);
    },
  ),

  behaviour(
    'recorded to wait for its turn, a message is due for nobody until somebody looks; he takes it if it is first',
    async (s) => {
      const [first, second] = await recorded(s, { waitsItsTurn: true }, { waitsItsTurn: true });
      assert.deepEqual(await claimed(s), []);
      const { state, attempts, code, nextAt } = await s.record(first!);
      assert.deepEqual([state, attempts, code], ['pending', 0, 'WAITS_ITS_TURN']);
      await s.isIn(nextAt, 30 * SECOND);
      const { due, taken } = await s.outbox.nextTurn([second!, first!], lease());
      assert.deepEqual([due, taken.map(keyOf)], [0, [first]]);
      assert.deepEqual(await s.outbox.nextTurn([first!, second!], lease()), { due: 0, taken: [], held: [] });
    },
  ),

  behaviour('whose turn it is although he is about to look himself is let go at once, and not only then', async (s) => {
    const [first, second] = await recorded(s, {}, { waitsItsTurn: true });
    await s.claimOnly(first!);
    await s.advance(31 * SECOND);
    assert.deepEqual((await passedOn(s, [first!])).map(keyOf), [second]);
  }),

  behaviour('who looks and cannot send makes it due, for others to claim', async (s) => {
    const [first] = await recorded(s, { waitsItsTurn: true });
    assert.deepEqual(await s.outbox.nextTurn([first!]), { due: 1, taken: [], held: [] });
    await s.isNow((await s.record(first!)).nextAt);
    await s.claimOnly(first!);
  }),

  behaviour(
    'should nobody look, what was recorded to wait for its turn is due by itself, or at its deadline',
    async (s) => {
      const deadlineMs = 5 * SECOND;
      const [first, other] = await recorded(
        s,
        { waitsItsTurn: true },
        { waitsItsTurn: true, key: 'user-2', deadlineMs },
      );
      await s.advance(6 * SECOND);
      assert.deepEqual(
        (await s.claim()).deliveries.map(({ messageId, state }) => [messageId, state]),
        [[other!.messageId, 'cancelling']],
      );
      await s.advance(25 * SECOND);
      await s.claimOnly(first!);
    },
  ),

  behaviour('who is taken is leased as by a claim: for so long, with an attempt and a budget of his own', async (s) => {
    const [first, second] = await recorded(s, {}, { waitsItsTurn: true });
    await s.claimOnly(first!);
    const by = lease();
    const [taken, ...more] = await passedOn(s, [first!], by);
    assert.deepEqual([keyOf(taken!), more], [second, []]);
    const { leaseToken, state, attempt, ordered: isOrdered, deadlineAt, answer, message } = taken!;
    assert.deepEqual(
      { leaseToken, state, attempt, isOrdered, deadlineAt, answer, key: message.key, payload: message.payload },
      {
        ...{ leaseToken: by.leaseToken, state: 'pending', attempt: 1, isOrdered: true },
        ...{ deadlineAt: undefined, answer: undefined, key: 'user-1', payload: '{"quantity": 1}' },
      },
    );
    const row = await s.record(second!);
    assert.deepEqual([row.attempts, row.code, row.lastError], [1, undefined, undefined]);
    await s.isIn(row.nextAt, 30 * SECOND);
    await s.claimsNothing();
    assert.ok(await s.mark(taken!, { kind: 'sent', waitMs: 10 * SECOND }));
    // A minute of budget, which began when it was taken.
    await s.advance(61 * SECOND);
    assert.deepEqual((await s.claim()).parked.map(keyOf), [second]);
  }),

  behaviour(
    'of several keys that are closed together, the next of each is taken, and of one key only one',
    async (s) => {
      const waiting = { waitsItsTurn: true };
      const [a1, a2, a3, a4] = await recorded(s, {}, { deadlineMs: 5 * SECOND }, waiting, waiting);
      const [b1, b2, c1] = await recorded(s, { key: 'user-2' }, { key: 'user-2', ...waiting }, { key: 'user-3' });
      const plain = await s.pending();
      await s.claim();
      await s.advance(5 * SECOND);
      assert.deepEqual(await claimed(s), [a2]);
      const taken = await passedOn(s, [c1!, plain, a2!, b1!, a1!]);
      assert.deepEqual(new Set(taken.map(keyOf).map(keyText)), new Set([a3!, b2!].map(keyText)));
      assert.equal((await s.record(a4!)).code, 'WAITS_ITS_TURN');
    },
  ),

  behaviour('closing one that is not the first takes nobody: the first still holds the key', async (s) => {
    const [first, second, third] = await recorded(s, {}, { deadlineMs: 5 * SECOND }, { waitsItsTurn: true });
    await s.claimOnly(first!);
    await s.advance(5 * SECOND);
    await s.claimOnly(second!);
    assert.deepEqual(await passedOn(s, [second!]), []);
    assert.equal((await s.record(third!)).code, 'WAITS_ITS_TURN');
    assert.deepEqual((await passedOn(s, [first!])).map(keyOf), [third]);
  }),

  behaviour('whose turn comes after his deadline is not taken but due: he is to be asked to give up', async (s) => {
    const [first, second] = await recorded(s, {}, { waitsItsTurn: true, deadlineMs: 20 * SECOND });
    await s.claimOnly(first!);
    await s.advance(21 * SECOND);
    assert.deepEqual(await passedOn(s, [first!]), []);
    assert.equal((await s.claimOnly(second!)).state, 'cancelling');
  }),

  behaviour(
    'whoever is next and held by somebody is waited for by nobody, and taken by the next who looks',
    async (s) => {
      const [first, second] = await recorded(s, {}, { waitsItsTurn: true });
      await s.claimOnly(first!);
      await assert.rejects(
        s.transaction(async (tx) => {
          await s.outbox.cancel(tx, second!.messageId, { reason: 'changed my mind' });
          assert.deepEqual(await passedOn(s, [first!]), []);
          assert.deepEqual(await s.outbox.nextTurn([first!], lease()), { due: 0, taken: [], held: [second] });
          throw new Error('and not');
        }),
        /and not/,
      );
      const { taken } = await s.outbox.nextTurn([second!], lease());
      assert.deepEqual(taken.map(keyOf), [second]);
    },
  ),
];
