import type { OutboxSample, OutboxStore } from '../ports/store';
import { InMemory } from '../testing/in-memory.fixture';
import { Sampler } from './sampler';

describe('the sampler', () => {
  let at: InMemory;
  let looks: number;
  /** How long a look at the tables takes. */
  let takesMs: number;
  let sampler: Sampler;

  beforeEach(() => {
    at = new InMemory();
    [looks, takesMs] = [0, 0];
    const store: Pick<OutboxStore, 'sample' | 'pauses'> = {
      sample: async (...asked): Promise<OutboxSample> => {
        looks++;
        await new Promise<void>((resolve) => at.clock.schedule(takesMs / 2, resolve));
        const sample = await at.store.sample(...asked);
        await new Promise<void>((resolve) => at.clock.schedule(takesMs / 2, resolve));
        return sample;
      },
      pauses: (source) => at.store.pauses(source),
    };
    sampler = new Sampler({ service: 'user-service', overdueMs: 60_000 }, store, at.clock);
  });

  it('looks once in a while, however often it is asked', async () => {
    await at.pending();
    sampler.start();
    await at.clock.advance(15_000);
    for (let asked = 0; asked < 100; asked++) expect(sampler.latest).toMatchObject({ open: { pending: 1 } });
    expect(looks).toBe(2);
  });

  it('sees what is paused, too', async () => {
    await at.store.pause('user-service', { to: 'order-service' }, { by: 'ada', reason: 'their database moves' });
    sampler.start();
    await at.clock.advance(0);
    expect(sampler.latest?.pauses).toMatchObject([{ to: 'order-service', by: 'ada' }]);
  });

  it('has nothing to say before its first look is answered', async () => {
    takesMs = 100;
    sampler.start();
    await at.clock.advance(99);
    expect([sampler.latest, sampler.msSince('2026-01-01T00:00:00Z')]).toEqual([undefined, undefined]);
    await at.clock.advance(1);
    expect(sampler.latest).toBeDefined();
  });

  it('goes on when a look fails, and forgets after a minute what it saw: an old number would look like one of now', async () => {
    sampler.start();
    await at.clock.advance(14_999);
    at.failure = new Error('the database is away');
    await at.clock.advance(45_001);
    expect(sampler.latest).toBeDefined();
    await at.clock.advance(1);
    expect(sampler.latest).toBeUndefined();
    at.failure = undefined;
    await at.clock.advance(15_000);
    expect(sampler.latest).toBeDefined();
  });

  it('tells how long ago an instant of the database was, also while that is away', async () => {
    takesMs = 100;
    at.database.moveNow(3_600_000);
    sampler.start();
    await at.clock.advance(100);
    at.failure = new Error('the database is away');
    await at.clock.advance(900_000);
    const instant = new Date(at.database.now() - 2_000).toISOString();
    expect(sampler.msSince(instant)).toBe(2_000);
    expect(sampler.msSince(new Date(at.database.now() + 2_000).toISOString())).toBe(0);
  });

  it('ends with the look that is under way, and begins none after it', async () => {
    takesMs = 100;
    sampler.start();
    let stopped = false;
    void sampler.stop().then(() => (stopped = true));
    await at.clock.advance(99);
    expect(stopped).toBe(false);
    await at.clock.advance(1);
    expect([stopped, at.clock.nextAt]).toEqual([true, undefined]);
  });

  it('ends at once between two looks', async () => {
    sampler.start();
    await at.clock.advance(1_000);
    await sampler.stop();
    expect([looks, at.clock.nextAt]).toEqual([1, undefined]);
  });
});
