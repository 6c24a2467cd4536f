import { randomUUID } from 'node:crypto';
import { FilterTooBroadError, InvalidFilterError, OperationRefusedError, UnknownDeliveryError } from '../errors';
import type { DeliveryKey, ParkCode } from '../message/delivery';
import { SearchTookTooLongError } from '../ports/store';
import { InMemory } from '../testing/in-memory.fixture';
import { OutboxOperations } from './operations';

const DAY = 86_400_000;

describe('operations', () => {
  let at: InMemory;
  let operations: OutboxOperations;
  let woken: number;
  let cancelled: unknown[];

  beforeEach(() => {
    at = new InMemory();
    woken = 0;
    cancelled = [];
    operations = new OutboxOperations(
      'user-service',
      at.store,
      { reserve: () => undefined, wake: () => void woken++ },
      async (id, options) => void cancelled.push([id, options]),
      at.clock,
      at.random,
    );
  });

  async function parked(code: ParkCode = 'GAVE_UP', more: Parameters<InMemory['pending']>[0] = {}) {
    const key = await at.pending(more);
    await at.store.park(key, 'any', { code, error: 'as told' });
    return key;
  }
  const audited = async () => (await operations.audit()).map(({ actor, verb, reason }) => [actor, verb, reason]);

  describe('a retry', () => {
    it('opens what is parked and wakes the relay; who asked is in the audit, `unknown` if nobody said', async () => {
      const [one, other] = [await parked(), await parked()];
      expect(await operations.retry(one.messageId, { by: 'ada', reason: 'repaired' })).toEqual([one]);
      expect(await operations.retry(other.messageId)).toEqual([other]);
      expect([await at.row(one), woken]).toMatchObject([{ state: 'pending', attempts: 0 }, 2]);
      expect(await audited()).toEqual([
        ['unknown', 'retry', undefined],
        ['ada', 'retry', 'repaired'],
      ]);
    });

    it('is refused unless something is parked: the error says what each is instead, and wakes nobody', async () => {
      const { messageId, consumer } = await at.pending();
      await expect(operations.retry(messageId)).rejects.toThrow(
        new OperationRefusedError(
          `Only a parked delivery can be retried. Message ${messageId} is at ${consumer}: pending.`,
        ),
      );
      expect(woken).toBe(0);
    });

    it('is refused for a message that is not known, or not to that consumer', async () => {
      const { messageId } = await parked();
      const id = randomUUID();
      await expect(operations.retry(id)).rejects.toThrow(
        new UnknownDeliveryError(`No delivery of message ${id} is known.`),
      );
      await expect(operations.retry(messageId, { to: 'nobody' })).rejects.toThrow(
        new UnknownDeliveryError(`No delivery of message ${messageId} to 'nobody' is known.`),
      );
    });

    it('gives a new deadline if one is given', async () => {
      const key = await parked('GAVE_UP', { deadlineMs: 60_000 });
      at.database.moveNow(120_000);
      await operations.retry(key.messageId, { deadline: '15m' });
      expect(await at.row(key)).toMatchObject({ state: 'pending' });
    });

    it.each(['soon', 0, -1])('refuses a deadline of %j, before anything happens', async (deadline) => {
      const key = await parked();
      await expect(operations.retry(key.messageId, { deadline })).rejects.toThrow(
        `deadline ${JSON.stringify(deadline)} is no duration: write milliseconds or '15m'.`,
      );
      expect(await at.row(key)).toMatchObject({ state: 'parked' });
    });
  });

  describe('a discard', () => {
    it('ends what expired; what was only given up needs a cancel first, or force', async () => {
      const [expired, open] = [await parked('EXPIRED'), await parked()];
      await operations.discard(expired.messageId, 'ticket 1');
      const refused = operations.discard(open.messageId, 'ticket 2');
      await expect(refused).rejects.toThrow(OperationRefusedError);
      await expect(refused).rejects.toThrow(
        `Try cancel() first. Message ${open.messageId} is at order-service: parked (GAVE_UP)`,
      );
      await operations.discard(open.messageId, 'ticket 2', { force: true, by: 'ada' });
      expect([(await at.row(expired)).state, (await at.row(open)).state]).toEqual(['discarded', 'discarded']);
      expect(await audited()).toEqual([
        ['ada', 'discard', 'ticket 2'],
        ['unknown', 'discard', 'ticket 1'],
      ]);
    });

    it('wakes the relay only if it let the next one of an order go', async () => {
      const ordered = { ordered: true, key: 'user-1' };
      await operations.discard((await parked('EXPIRED')).messageId, 'alone');
      expect(woken).toBe(0);
      const first = await parked('EXPIRED', ordered);
      await at.pending({ ...ordered, waitsItsTurn: true });
      await operations.discard(first.messageId, 'the first of two');
      expect(woken).toBe(1);
    });
  });

  it('a cancel is that of the outbox, by somebody', async () => {
    await operations.cancel('id', { reason: 'changed my mind' });
    await operations.cancel('id', { reason: 'once more', to: 'order-service', by: 'ada' });
    expect(cancelled).toEqual([
      ['id', { reason: 'changed my mind', by: 'unknown' }],
      ['id', { reason: 'once more', to: 'order-service', by: 'ada' }],
    ]);
  });

  describe('a pause', () => {
    it('has the relay look at once, when it begins and when it ends, and says how many it held', async () => {
      await at.pending();
      expect(await operations.pause({ to: 'order-service', reason: 'their database moves' })).toMatchObject({
        ...{ to: 'order-service', by: 'unknown', reason: 'their database moves' },
      });
      await at.store.claim({
        ...{ limit: 1, leaseToken: 'mine', leaseMs: 30_000, except: [], source: 'user-service' },
        ...{ maxFollowUpAttempts: 3, giveUpAfterMs: DAY },
      });
      expect(woken).toBe(1);
      expect((await operations.stats()).paused).toMatchObject([{ to: 'order-service' }]);
      expect(await operations.resume({ to: 'order-service', by: 'ada' })).toEqual({ released: 1 });
      expect([woken, await operations.pauses()]).toEqual([2, []]);
    });

    it('needs a reason: whoever finds it later will want to know', async () => {
      await expect(operations.pause({ reason: '' })).rejects.toThrow(TypeError);
      await expect(operations.pause({} as never)).rejects.toThrow('pause needs a reason');
      expect(await operations.pauses()).toEqual([]);
    });

    it('is of one whole type, and takes no option that it does not know', async () => {
      await expect(operations.pause({ type: 'order.*', reason: 'x' })).rejects.toThrow(InvalidFilterError);
      await expect(operations.resume({ type: 'order.*' })).rejects.toThrow('a pause is about one whole type');
      await expect(operations.pause({ consumer: 'order-service', reason: 'x' } as never)).rejects.toThrow("'consumer'");
      await expect(operations.resume({ consumer: 'order-service' } as never)).rejects.toThrow("'consumer'");
    });

    it('that is not there cannot end: the error names those that are', async () => {
      await expect(operations.resume({ to: 'a' })).rejects.toThrow('There is no pause of to:a. Paused is: nothing.');
      await operations.pause({ to: 'b', type: 'order.requested', reason: 'x' });
      await operations.pause({ to: 'c', reason: 'x' });
      await expect(operations.resume()).rejects.toThrow(
        new OperationRefusedError('There is no pause of everything. Paused is: to:b type:order.requested, to:c.'),
      );
      expect(woken).toBe(2);
    });

    it('is one of 50 at most, for a claim reads them all; one that is there already may have a new reason', async () => {
      for (let nth = 1; nth <= 50; nth++) await operations.pause({ to: `service-${nth}`, reason: 'x' });
      await expect(operations.pause({ to: 'service-51', reason: 'x' })).rejects.toThrow(OperationRefusedError);
      await expect(operations.pause({ to: 'service-50', reason: 'y' })).resolves.toMatchObject({ to: 'service-50' });
    });
  });

  describe('a search', () => {
    it('finds in pages, newest first, by a filter as text or as an object', async () => {
      const keys: DeliveryKey[] = [];
      for (const digit of '123') keys.push(await at.pending({ id: `0000000${digit}-0000-7000-8000-000000000000` }));
      const page = await operations.find('state:open', { limit: 2 });
      expect(page.map(({ messageId }) => messageId)).toEqual([keys[2]!.messageId, keys[1]!.messageId]);
      expect(await operations.find({ state: 'open' }, { limit: 2, after: page[1]! })).toMatchObject([keys[0]!]);
      expect(await operations.count({ state: 'open' })).toBe(3);
      expect(await operations.count('', { cap: 2 })).toBe(2);
    });

    it.each<[string, () => Promise<unknown>]>([
      ['limit 1001', () => operations.find('', { limit: 1_001 })],
      ['limit 0', () => operations.audit({ limit: 0 })],
      ['limit 1.5', () => operations.jobs({ limit: 1.5 })],
      ['cap 1000001', () => operations.count('', { cap: 1_000_001 })],
      ['rate 10001', () => operations.bulk('retry', 'state:parked', { rate: 10_001 })],
    ])('has no %s', async (what, ask) => {
      await expect(ask()).rejects.toThrow(RangeError);
      await expect(ask()).rejects.toThrow(`${what} is no whole number from 1 to `);
    });

    it('that would keep the database busy is refused, with what makes it narrower; other failures pass', async () => {
      const tooLong = new SearchTookTooLongError('canceled');
      jest.spyOn(at.store, 'search').mockRejectedValue(tooLong);
      const search = operations.find('older:10m');
      await expect(search).rejects.toThrow(FilterTooBroadError);
      await expect(search).rejects.toMatchObject({
        message: expect.stringContaining('Add state:parked'),
        cause: tooLong,
      });
      await parked();
      await expect(operations.bulk('retry', 'state:parked')).rejects.toThrow(FilterTooBroadError);

      at.failure = new Error('the database is away');
      await expect(operations.count()).rejects.toBe(at.failure);
    });
  });

  describe('in bulk', () => {
    it('wake the relay when they are over, also when they fail', async () => {
      const key = await parked();
      const job = operations.bulk('retry', { state: 'parked' });
      await at.clock.runUntilIdle();
      expect(await job).toMatchObject({
        ...{ filter: 'state:parked', matching: 1, changed: 1, by: 'unknown' },
      });
      expect([woken, (await at.row(key)).state]).toEqual([1, 'pending']);
      await expect(operations.resumeJob(randomUUID())).rejects.toThrow(OperationRefusedError);
      expect(woken).toBe(2);
    });

    it('need a reason unless they retry, and a deadline that is one, before anything is counted or begun', async () => {
      await expect(operations.bulk('cancel', 'state:open')).rejects.toThrow('A cancel needs a reason.');
      await expect(operations.bulk('discard', 'state:parked')).rejects.toThrow('A discard needs a reason.');
      await expect(operations.bulk('retry', 'state:parked', { deadline: 'soon' })).rejects.toThrow('is no duration');
      expect(await operations.jobs()).toEqual([]);
    });
  });
});
