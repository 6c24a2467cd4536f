import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { BulkOrder, JobLease } from '../ports/jobs';
import { behaviour, keyOf, MINUTE, type Scenario, SOURCE } from './store-contract-scenario';

const ORDER: BulkOrder = {
  verb: 'retry',
  filter: 'state:parked',
  by: 'ada@host',
  reason: 'repaired',
  deadlineMs: undefined,
  force: false,
  rate: 10,
  matching: 1,
};
const newLease = (): JobLease => ({ source: SOURCE, id: randomUUID(), token: randomUUID() });
const idOf = (time: number): string => `${time.toString(16).padStart(8, '0')}-0000-7000-8000-000000000000`;

async function parked(s: Scenario, time: number, code: 'GAVE_UP' | 'EXPIRED' = 'GAVE_UP') {
  const key = await s.pending({ id: idOf(time) });
  await s.outbox.park(key, 'any', { code, error: 'as told' });
  return key;
}

/** A bulk operation: one hand at a time, each delivery once, and how far it is with the change. */
export const jobCases = [
  behaviour('a job begins at the newest message and looks downward: what is recorded later is not meant', async (s) => {
    const older = await parked(s, 1);
    const newer = await parked(s, 2);
    const { at, state, changed, startedAt } = await s.outbox.jobs.start(newLease(), ORDER);
    await s.isNow(startedAt);
    assert.deepEqual([state, changed], ['running', 0]);
    await parked(s, 3);
    const found = await s.outbox.search(SOURCE, { states: ['parked'] }, { limit: 10, after: at });
    assert.deepEqual(found.map(keyOf), [newer, older]);
  }),

  behaviour(
    'a step changes a delivery, counts it and moves on, all or nothing; who is named is in the audit',
    async (s) => {
      const [refused, changed] = [await parked(s, 1), await parked(s, 2, 'EXPIRED')];
      const lease = newLease();
      const order: BulkOrder = { ...ORDER, verb: 'discard', reason: 'ticket 4711' };
      await s.outbox.jobs.start(lease, order);
      const why = (): string => 'may not be';
      assert.deepEqual(await s.outbox.jobs.step(lease, order, changed, why), { kind: 'changed' });
      const refusal = { ...refused, why: 'may not be' };
      assert.deepEqual(await s.outbox.jobs.step(lease, order, refused, why), { kind: 'refused', ...refusal });
      assert.deepEqual(await s.outbox.jobs.step(lease, order, changed, () => undefined), { kind: 'nothing' });
      const [job] = await s.outbox.jobs.list(SOURCE, { limit: 1 });
      assert.deepEqual([job!.changed, job!.refused, job!.refusals, job!.at], [1, 1, [refusal], changed]);
      const ended = await s.outbox.jobs.end(lease, 'done');
      assert.deepEqual([ended?.state, await s.outbox.jobs.end(lease, 'done')], ['done', undefined]);
      assert.deepEqual(
        (await s.outbox.audit(SOURCE, { limit: 10 })).map(({ actor, verb, target, changed: count, reason }) => [
          actor,
          verb,
          target,
          count,
          reason,
        ]),
        [
          [ORDER.by, 'discard', ORDER.filter, 1, 'ticket 4711'],
          [ORDER.by, 'discard', `id:${changed.messageId} to:${changed.consumer}`, 1, 'ticket 4711'],
        ],
      );
    },
  ),

  behaviour(
    'a job that was stopped, or taken over after half a minute, is lost to who worked on it: nothing happens',
    async (s) => {
      const key = await parked(s, 1);
      const first = newLease();
      await s.outbox.jobs.start(first, ORDER);
      const second = { ...first, token: randomUUID() };
      assert.equal(await s.outbox.jobs.take(second), undefined);
      const stopped = await s.outbox.jobs.end({ source: SOURCE, id: first.id }, 'stopped', 'stopped by grace');
      assert.deepEqual([stopped?.state, stopped?.reason], ['stopped', 'repaired']);
      const [entry] = await s.outbox.audit(SOURCE, { limit: 1 });
      assert.deepEqual([entry?.actor, entry?.reason], [ORDER.by, 'repaired · stopped by grace']);
      const why = (): string => 'may not be';
      assert.deepEqual(await s.outbox.jobs.step(first, ORDER, key, why), { kind: 'lost' });
      assert.equal((await s.record(key)).state, 'parked');

      assert.equal((await s.outbox.jobs.take(second))?.state, 'running');
      assert.deepEqual(await s.outbox.jobs.step(first, ORDER, key, why), { kind: 'lost' });
      assert.deepEqual(await s.outbox.jobs.step(second, ORDER, key, why), { kind: 'changed' });
      await s.advance(MINUTE);
      assert.equal((await s.outbox.jobs.list(SOURCE, { limit: 1, id: first.id }))[0]?.state, 'abandoned');
      const third = { ...first, token: randomUUID() };
      const taken = await s.outbox.jobs.take(third);
      assert.deepEqual([taken?.state, taken?.changed, taken?.at], ['running', 1, key]);
      assert.equal(await s.outbox.jobs.end(second, 'done'), undefined);
      assert.equal((await s.outbox.jobs.end(third, 'done'))?.state, 'done');
      assert.equal(await s.outbox.jobs.take(second), undefined);
      assert.deepEqual(await s.outbox.jobs.list('another-service', { limit: 1 }), []);
    },
  ),
];
