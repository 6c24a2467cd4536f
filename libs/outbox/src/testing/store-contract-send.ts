import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  type DeliveryKey,
  type ClaimedDelivery,
  EVERYBODY,
  type OpenState,
  type Mark,
  type StoredAnswer,
} from '../message/delivery';
import {
  ACCEPTED,
  behaviour,
  CONSUMER,
  DAY,
  keyOf,
  MINUTE,
  newMessage,
  REJECTED,
  SECOND,
} from './store-contract-scenario';

const MARKS: readonly Mark[] = [
  { kind: 'sent', waitMs: MINUTE },
  { kind: 'delivered' },
  { kind: 'retry', waitMs: MINUTE, code: 'REFUSED', error: 'refused' },
  { kind: 'again', waitMs: MINUTE, error: 'refused' },
  { kind: 'release', waitMs: MINUTE },
];
/** What each mark makes of each state; a pair that is missing is refused. */
const AFTER: Readonly<Record<string, string>> = {
  'sent in pending': 'sent',
  'sent in sent': 'sent',
  'delivered in pending': 'delivered',
  'retry in pending': 'pending',
  'retry in sent': 'pending',
  'again in cancelling': 'cancelling',
  'again in answered': 'answered',
  'release in pending': 'pending',
  'release in sent': 'sent',
  'release in cancelling': 'cancelling',
  'release in answered': 'answered',
};
const OPEN: readonly OpenState[] = ['pending', 'sent', 'cancelling', 'answered'];

/** `claim` and `mark`: one at a time, fenced, never past the deadline. */
export const sendCases = [
  behaviour(
    'claim leaves the rows of a service that shares the tables, and they do not stand in the way',
    async (s) => {
      const theirs: DeliveryKey[] = [];
      for (let i = 0; i < 3; i++) theirs.push(await s.pending({ source: 'another-service' }));
      const ours = await s.pending();
      const { deliveries } = await s.claim({ limit: 1 });
      assert.deepEqual(deliveries.map(keyOf), [ours]);
      const later = await s.claim({ source: 'another-service' });
      assert.deepEqual(
        new Set(later.deliveries.map(({ messageId }) => messageId)),
        new Set(theirs.map(({ messageId }) => messageId)),
      );
    },
  ),

  behaviour('claim takes the deliveries that wait longest, and no more than its limit', async (s) => {
    const keys = [];
    for (const minutes of [3, 1, 2]) keys.push(await s.pending({ delayMs: minutes * MINUTE }));
    await s.advance(4 * MINUTE);
    const { deliveries } = await s.claim({ limit: 2 });
    assert.deepEqual(deliveries.map(keyOf), [keys[1], keys[2]]);
    await s.claimOnly(keys[0]!);
  }),

  behaviour(
    'claim leases: nobody else gets the row until the lease ends, then it counts as another attempt',
    async (s) => {
      const key = await s.pending();
      const token = randomUUID();
      const first = await s.claimOnly(key, { leaseToken: token });
      assert.deepEqual([first.attempt, first.leaseToken, first.state], [1, token, 'pending']);
      await s.claimsNothing();
      await s.advance(31 * SECOND);
      const second = await s.claimOnly(key);
      assert.equal(second.attempt, 2);
      assert.equal(await s.mark(first, { kind: 'sent', waitMs: MINUTE }), false);
      assert.equal(await s.mark(second, { kind: 'sent', waitMs: MINUTE }), true);
    },
  ),

  behaviour('claim leaves the consumers alone that it is told to', async (s) => {
    await s.pending({ deliveries: [{ consumer: 'busy', followUp: 'none' }] });
    const idle = await s.pending({ deliveries: [{ consumer: 'idle', followUp: 'none' }] });
    await s.claimOnly(idle, { except: ['busy', 'other'] });
  }),

  behaviour('several claimers at once share the due rows: none twice, none above its limit', async (s) => {
    const messages = Array.from({ length: 60 }, () => newMessage());
    await s.add(...messages);
    const claimed: string[] = [];
    for (let round = 0; round < 20 && claimed.length < messages.length; round++) {
      const results = await Promise.all(Array.from({ length: 6 }, () => s.claim({ limit: 7 })));
      for (const { deliveries } of results) {
        assert.ok(deliveries.length <= 7);
        claimed.push(...deliveries.map(({ messageId }) => messageId));
      }
    }
    assert.deepEqual(claimed.sort(), messages.map(({ id }) => id).sort());
  }),

  behaviour('claim turns a row past its deadline into a cancellation, with a new count and a new budget', async (s) => {
    for (const state of ['pending', 'sent'] as const) {
      const { attempt, ...delivery } = await s.leased(state, { deadlineMs: 2 * DAY, giveUpAfterMs: 2 * DAY });
      assert.ok(attempt >= 1);
      await s.advance(2 * DAY + SECOND);
      const cancelling = await s.claimOnly(keyOf(delivery), { giveUpAfterMs: DAY });
      assert.deepEqual([cancelling.state, cancelling.attempt, cancelling.cancelReason], ['cancelling', 1, undefined]);
      await s.advance(MINUTE);
      assert.equal((await s.claimOnly(keyOf(delivery))).attempt, 2);
      await s.close(delivery, REJECTED);
    }
  }),

  behaviour('claim never cancels an announcement: nobody would answer', async (s) => {
    const key = await s.pending({ deliveries: [{ consumer: EVERYBODY, followUp: 'none' }], deadlineMs: SECOND });
    await s.advance(2 * SECOND);
    assert.equal((await s.claimOnly(key)).state, 'pending');
  }),

  behaviour('a lease reaches beyond the deadline, every other wait ends at it', async (s) => {
    const deadlineMs = 20 * SECOND;
    const waits: Mark[] = [
      { kind: 'sent', waitMs: DAY },
      { kind: 'retry', waitMs: DAY, code: 'REFUSED', error: 'refused' },
      { kind: 'release', waitMs: DAY },
    ];
    for (const wait of waits) {
      const delivery = await s.leased('pending', { deadlineMs });
      await s.isIn((await s.record(delivery)).nextAt, 30 * SECOND);
      assert.equal(await s.mark(delivery, wait), true);
      const { nextAt, deadlineAt } = await s.record(delivery);
      assert.equal(nextAt, deadlineAt);
      await s.close(delivery, ACCEPTED);
    }
    const answered = await s.leased('answered', { deadlineMs });
    await s.mark(answered, { kind: 'again', waitMs: DAY, error: undefined });
    await s.isIn((await s.record(answered)).nextAt, DAY);
  }),

  behaviour('claim parks what has used up its budget, apart, with a code for the phase it was in', async (s) => {
    const codes = {
      pending: 'GAVE_UP',
      sent: 'GAVE_UP',
      cancelling: 'CANCEL_UNANSWERED',
      answered: 'FOLLOW_UP_FAILED',
    } as const;
    for (const state of OPEN) {
      const delivery = await s.leased(state, { giveUpAfterMs: DAY });
      await s.mark(delivery, {
        kind: state === 'pending' || state === 'sent' ? 'retry' : 'again',
        waitMs: MINUTE,
        code: 'UNROUTABLE',
        error: 'nobody there',
      });
      await s.advance(8 * DAY);
      const code = codes[state];
      assert.deepEqual(await s.claim(), {
        deliveries: [],
        parked: [{ ...keyOf(delivery), code, error: 'nobody there' }],
        held: 0,
        waiting: [],
        pauses: [],
      });
      const record = await s.record(delivery);
      assert.deepEqual(
        [record.state, record.nextAt, record.code, record.lastError],
        ['parked', undefined, code, `${code}: nobody there`],
      );
    }
    const silent = await s.pending({ giveUpAfterMs: DAY });
    await s.advance(2 * DAY);
    assert.deepEqual((await s.claim()).parked, [{ ...silent, code: 'GAVE_UP', error: undefined }]);
  }),

  behaviour('a delayed message has its whole budget from when it is due', async (s) => {
    const key = await s.pending({ delayMs: 2 * DAY, giveUpAfterMs: DAY });
    await s.advance(2 * DAY + MINUTE);
    assert.equal((await s.claimOnly(key)).attempt, 1);
  }),

  behaviour('claim parks an answer whose follow-up failed too often, and keeps the verdict', async (s) => {
    const delivery = await s.leased('answered');
    for (const attempt of [2, 3]) {
      await s.mark(delivery, { kind: 'again', waitMs: 0, error: undefined });
      const next = await s.claimOnly(keyOf(delivery), { leaseToken: delivery.leaseToken, maxFollowUpAttempts: 3 });
      assert.equal(next.attempt, attempt);
    }
    await s.mark(delivery, { kind: 'again', waitMs: 0, error: 'compensation failed' });
    const { deliveries, parked } = await s.claim({ maxFollowUpAttempts: 3 });
    assert.deepEqual([deliveries.length, parked[0]?.code], [0, 'FOLLOW_UP_FAILED']);
    const { state, verdict } = await s.record(delivery);
    assert.deepEqual([state, verdict], ['parked', 'rejected']);
  }),

  behaviour('a claimed answer brings its verdict, reason and result', async (s) => {
    const { answer } = await s.leased('answered');
    const kept = ({ verdict, reason, result }: StoredAnswer): StoredAnswer => ({ verdict, reason, result });
    assert.deepEqual(answer, kept(REJECTED));
    const key = await s.pending();
    await s.outbox.keepAnswer(key, ACCEPTED, { waitMs: 0, code: 'FOLLOW_UP_MISSING', error: 'no handler' });
    assert.deepEqual((await s.claimOnly(key)).answer, kept(ACCEPTED));
  }),

  behaviour('a mark leaves only the states it names, and ends the lease', async (s) => {
    for (const state of OPEN) {
      for (const mark of MARKS) {
        const delivery = await s.leased(state);
        const before = await s.record(delivery);
        const name = `${mark.kind} in ${state}`;
        const written = await s.mark(delivery, mark);
        const after = await s.record(delivery);
        assert.equal(written ? after.state : undefined, AFTER[name], name);
        if (!written) assert.deepEqual(after, before, `${name} was refused, but changed the row`);
        else assert.equal(await s.mark(delivery, { kind: 'release', waitMs: 0 }), false, `${name} kept the lease`);
        if (state !== 'answered') await s.close(delivery, ACCEPTED);
      }
    }
  }),

  behaviour('a mark with the wrong token is refused in silence', async (s) => {
    for (const state of OPEN) {
      const delivery: ClaimedDelivery = { ...(await s.leased(state)), leaseToken: randomUUID() };
      const before = await s.record(delivery);
      for (const mark of MARKS) assert.equal(await s.mark(delivery, mark), false);
      assert.deepEqual(await s.record(delivery), before);
    }
    const unknown = { messageId: randomUUID(), consumer: CONSUMER, leaseToken: randomUUID() };
    const nothing = { written: [], held: [] };
    assert.deepEqual(await s.outbox.mark([{ ...unknown, mark: { kind: 'release', waitMs: 0 } }]), nothing);
    assert.deepEqual(await s.outbox.mark([]), nothing);
  }),

  behaviour('every other transition ends the lease, so that a late mark changes nothing', async (s) => {
    const later = { waitMs: MINUTE, code: 'HANDLER_FAILED', error: 'not yet' };
    const transitions: ((delivery: ClaimedDelivery) => Promise<unknown>)[] = [
      (delivery) => s.close(delivery, ACCEPTED),
      (delivery) => s.outbox.closeMany([{ ...keyOf(delivery), answer: ACCEPTED }]),
      (delivery) => s.outbox.keepAnswer(delivery, ACCEPTED, later),
      (delivery) => s.outbox.defer(delivery, delivery.attempt, later),
      (delivery) => s.outbox.park(delivery, delivery.attempt, { code: 'UNPROCESSABLE', error: 'no' }),
      (delivery) => s.outbox.cancel(undefined, delivery.messageId, { reason: 'changed my mind' }),
    ];
    for (const transition of transitions) {
      const delivery = await s.leased('pending');
      await transition(delivery);
      const before = await s.record(delivery);
      for (const mark of MARKS) assert.equal(await s.mark(delivery, mark), false);
      assert.deepEqual(await s.record(delivery), before);
      await s.close(delivery, ACCEPTED);
    }
  }),

  behaviour('marks write what became of the attempt', async (s) => {
    const sent = await s.leased('pending');
    await s.mark(sent, { kind: 'sent', waitMs: 5 * MINUTE });
    const { nextAt, sentAt, attempts } = await s.record(sent);
    await s.isIn(nextAt, 5 * MINUTE);
    await s.isNow(sentAt);
    assert.equal(attempts, 1);

    const retried = await s.leased('pending');
    await s.mark(retried, {
      kind: 'retry',
      waitMs: 5 * MINUTE,
      code: 'REFUSED',
      error: 'zero \u0000, '.repeat(1000),
    });
    const { lastError = '', ...retry } = await s.record(retried);
    await s.isIn(retry.nextAt, 5 * MINUTE);
    assert.ok(lastError.startsWith('zero , zero') && Buffer.byteLength(lastError) <= 2048);

    const released = await s.leased('sent');
    assert.equal(released.attempt, 2);
    await s.mark(released, { kind: 'release', waitMs: 5 * MINUTE });
    assert.equal((await s.record(released)).attempts, 1);

    const delivered = await s.leased('pending', { deliveries: [{ consumer: EVERYBODY, followUp: 'none' }] });
    await s.mark(delivered, { kind: 'delivered' });
    const final = await s.record(delivered);
    assert.deepEqual([final.state, final.nextAt, final.verdict], ['delivered', undefined, undefined]);
    await s.isNow(final.settledAt);
  }),
];
