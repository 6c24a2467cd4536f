import { InvalidFilterError, OperationRefusedError } from '../errors';
import type { DeliveryKey } from '../message/delivery';
import type { BulkJob, BulkOrder } from '../ports/jobs';
import { InMemory } from '../testing/in-memory.fixture';
import { BulkJobs } from './bulk';

const ORDER: BulkOrder = {
  ...{ verb: 'retry', filter: 'state:parked', by: 'ada', reason: 'repaired', deadlineMs: undefined, force: false },
  ...{ rate: 10, matching: 0 },
};
const idOf = (time: number): string => `${String(time).padStart(8, '0')}-0000-7000-8000-000000000000`;

describe('bulk operations', () => {
  let at: InMemory;
  let jobs: BulkJobs;
  beforeEach(() => {
    at = new InMemory();
    jobs = new BulkJobs('user-service', at.store, at.clock, at.random);
  });

  async function parked(time: number): Promise<DeliveryKey> {
    const key = await at.pending({ id: idOf(time) });
    await at.store.park(key, 'any', { code: 'GAVE_UP', error: 'as told' });
    return key;
  }
  const stateOf = async (key: DeliveryKey) => (await at.row(key)).state;
  const ended = async (job: Promise<BulkJob>): Promise<BulkJob> => {
    await at.clock.runUntilIdle();
    return job;
  };
  const audit = async () => (await at.store.audit('user-service', { limit: 10 })).map(({ reason }) => reason);

  it('come to one delivery after another, newest first, and say how many so far', async () => {
    const [older, newer] = [await parked(1), await parked(2)];
    const states: unknown[] = [];
    const onProgress = (done: number) =>
      void states.push([done, ...at.database.rows<{ state: string }>('outbox_delivery').map(({ state }) => state)]);
    const job = await ended(jobs.start(ORDER, { onProgress }));

    expect(job).toMatchObject({ state: 'done', changed: 2, refused: 0, at: older });
    expect([await stateOf(older), await stateOf(newer)]).toEqual(['pending', 'pending']);
    expect(states).toEqual([
      [1, 'parked', 'pending'],
      [2, 'pending', 'pending'],
    ]);
  });

  it('take as long as was asked for, so that consumers are not flooded; what the database takes counts', async () => {
    for (let time = 1; time <= 3; time++) await parked(time);
    const step = at.store.jobs.step.bind(at.store.jobs);
    jest.spyOn(at.store.jobs, 'step').mockImplementation(async (...args) => {
      await new Promise<void>((resolve) => at.clock.schedule(30, resolve));
      return step(...args);
    });
    const when: number[] = [];
    await ended(jobs.start({ ...ORDER, rate: 10 }, { onProgress: () => when.push(at.clock.monotonic()) }));
    expect(when).toEqual([30, 130, 230]);
  });

  it('come to everything, in looks of at most a second’s work: what is seen is not old when its turn comes', async () => {
    for (let time = 1; time <= 5; time++) await parked(time);
    const search = jest.spyOn(at.store, 'search');
    expect(await ended(jobs.start({ ...ORDER, rate: 2 }, {}))).toMatchObject({ state: 'done', changed: 5 });
    expect(search.mock.calls.map(([, , { limit }]) => limit)).toEqual([2, 2, 2, 2]);
  });

  it('mean by a time in the filter what it meant when they began, however long they take', async () => {
    const onProgress = (): void => at.database.moveNow(600_000);
    await parked(1);
    await parked(2);
    const newer = jobs.start({ ...ORDER, filter: 'newer:1m', rate: 1 }, { onProgress });
    expect(await ended(newer)).toMatchObject({ changed: 2 });

    await parked(4);
    at.database.moveNow(60_001);
    const younger = await parked(3);
    const older = jobs.start({ ...ORDER, filter: 'state:parked older:1m', rate: 1 }, { onProgress });
    expect(await ended(older)).toMatchObject({ changed: 1 });
    expect(await stateOf(younger)).toBe('parked');
  });

  it('leave as it is what may not be changed, and keep why', async () => {
    const open = await at.pending({ id: idOf(1) });
    expect(await ended(jobs.start({ ...ORDER, filter: 'state:open' }, {}))).toMatchObject({
      ...{ changed: 0, refused: 1 },
      refusals: [{ ...open, why: 'Only a parked delivery can be retried. This one is pending.' }],
    });
    const key = await parked(2);
    expect(await ended(jobs.start({ ...ORDER, verb: 'discard', filter: 'state:parked' }, {}))).toMatchObject({
      refusals: [{ ...key, why: expect.stringMatching(/without force .* This one is parked \(GAVE_UP\)\.$/) }],
    });
  });

  it('count nothing and refuse nothing where what is asked for has happened already', async () => {
    const { messageId } = await at.pending({ id: idOf(1) });
    await at.store.cancel(undefined, messageId, { reason: 'changed my mind' });
    const job = ended(jobs.start({ ...ORDER, verb: 'cancel', filter: 'state:cancelling' }, {}));
    expect(await job).toMatchObject({ state: 'done', changed: 0, refused: 0 });
  });

  it('let the next one of an order go when one is discarded', async () => {
    const ordered = { ordered: true, key: 'user-1' };
    const first = await at.pending({ ...ordered, id: idOf(1) });
    const second = await at.pending({ ...ordered, id: idOf(2), waitsItsTurn: true });
    await at.store.park(first, 'any', { code: 'GAVE_UP', error: 'as told' });
    expect(await at.row(second)).toMatchObject({ code: 'WAITS_ITS_TURN' });
    await ended(jobs.start({ ...ORDER, verb: 'discard', force: true }, {}));
    expect(await at.row(second)).toMatchObject({ code: undefined });
  });

  it.each(['', '  '])('are not begun for an empty filter (%j): that would be everything', async (filter) => {
    await expect(jobs.start({ ...ORDER, filter }, {})).rejects.toThrow(InvalidFilterError);
    expect(await at.store.jobs.list('user-service', { limit: 1 })).toEqual([]);
  });

  describe('that are stopped', () => {
    it('by whoever watches end between two deliveries, without waiting for their time', async () => {
      const [older, newer] = [await parked(1), await parked(2)];
      const stop = new AbortController();
      const job = jobs.start({ ...ORDER, rate: 1 }, { stop: stop.signal });
      await at.clock.advance(500);
      stop.abort();
      expect(await job).toMatchObject({ state: 'stopped', changed: 1, at: newer });
      expect([at.clock.monotonic(), at.clock.nextAt, await stateOf(older)]).toEqual([500, undefined, 'parked']);
    });

    it('by their id end with the next delivery, and the audit says who did', async () => {
      const older = await parked(1);
      await parked(2);
      let [id, done] = ['', 0];
      const onStart = (started: BulkJob): void => void (id = started.id);
      const job = jobs.start({ ...ORDER, rate: 1 }, { onStart, onProgress: () => done++ });
      await at.clock.advance(500);
      expect(await jobs.stop(id, 'grace')).toMatchObject({ state: 'stopped', changed: 1 });
      expect(await ended(job)).toMatchObject({ state: 'stopped', changed: 1 });
      expect([done, await stateOf(older)]).toEqual([1, 'parked']);
      expect(await audit()).toContain('repaired · stopped by grace');
      await expect(jobs.stop(id, 'grace')).rejects.toThrow(
        new OperationRefusedError(`Only a job that runs can be stopped. Job ${id} is stopped.`),
      );
    });

    it('go on where they were, and the audit says beside the reason who went on', async () => {
      const keys = [await parked(1), await parked(2), await parked(3)];
      const stop = new AbortController();
      const { id } = await ended(
        jobs.start(ORDER, { stop: stop.signal, onProgress: (done) => void (done === 2 && stop.abort()) }),
      );
      // What was come to is not come to again, were it parked again meanwhile.
      await at.store.park(keys[2]!, 'any', { code: 'GAVE_UP', error: 'once more' });
      let done = 0;
      const resumed = jobs.resume(id, 'grace', { onProgress: () => done++ });
      expect(await ended(resumed)).toMatchObject({ id, state: 'done', changed: 3, by: 'ada' });
      expect([done, await stateOf(keys[2]!)]).toEqual([1, 'parked']);
      expect((await audit())[0]).toBe('repaired · resumed by grace');
    });

    it('by nobody, their process having died, go on half a minute after their last delivery', async () => {
      await parked(1);
      await parked(2);
      let id = '';
      void jobs.start({ ...ORDER, rate: 1 }, { onStart: (started) => void (id = started.id) });
      await at.clock.advance(500);
      const another = new BulkJobs('user-service', at.store, at.clock, at.random);
      await expect(another.resume(id, undefined, {})).rejects.toThrow(
        `Only a job that was stopped or abandoned can be resumed. Job ${id} is running.`,
      );
      at.database.moveNow(31_000);
      const taken = another.resume(id, undefined, {});
      expect(await ended(taken)).toMatchObject({ state: 'done', changed: 2 });
      expect((await audit())[0]).toBe('repaired');
    });
  });

  it('are nothing that can be stopped, or gone on with, where nobody began them', async () => {
    await expect(jobs.resume(idOf(7), undefined, {})).rejects.toThrow(`There is no job ${idOf(7)}.`);
    await expect(jobs.stop(idOf(7), undefined)).rejects.toThrow(OperationRefusedError);
  });
});
