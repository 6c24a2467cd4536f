import { SeededRandom } from './seeded-random';
import { VirtualClock } from './virtual-clock';

describe('VirtualClock', () => {
  it('runs callbacks in the order of their time, and those of one moment in the order they were scheduled', async () => {
    const clock = new VirtualClock();
    const ran: string[] = [];
    clock.schedule(20, () => ran.push(`late at ${clock.monotonic()}`));
    clock.schedule(10, () => ran.push(`first at ${clock.monotonic()}`));
    clock.schedule(10, () => ran.push('second'));
    await clock.advance(15);
    expect(ran).toEqual(['first at 10', 'second']);
    expect(clock.monotonic()).toBe(15);
    await clock.advance(5);
    expect(ran.at(-1)).toBe('late at 20');
  });

  it('draws the order of one moment from its randomness, the same for the same seed', async () => {
    const order = async (seed: number): Promise<string> => {
      const random = new SeededRandom(seed);
      const clock = new VirtualClock(() => random.next());
      const ran: number[] = [];
      for (let index = 0; index < 8; index++) clock.schedule(1, () => ran.push(index));
      await clock.advance(1);
      return ran.join('');
    };
    expect(await order(1)).toBe(await order(1));
    expect(new Set([await order(1), await order(2), await order(3)]).size).toBeGreaterThan(1);
  });

  it('lets everything a callback set off come to rest before the next callback runs', async () => {
    const clock = new VirtualClock();
    const ran: string[] = [];
    clock.schedule(1, () => {
      void (async () => {
        for (let index = 0; index < 100; index++) await Promise.resolve();
        ran.push('work of the first');
      })();
    });
    clock.schedule(1, () => ran.push('second'));
    await clock.advance(1);
    expect(ran).toEqual(['work of the first', 'second']);
  });

  it('forgets what was cancelled', async () => {
    const clock = new VirtualClock();
    const callback = jest.fn();
    const cancel = clock.schedule(1, callback);
    cancel();
    cancel();
    expect(await clock.runUntilIdle()).toBe(true);
    expect(callback).not.toHaveBeenCalled();
  });

  it('runs until a condition holds, or gives up at the limit', async () => {
    const clock = new VirtualClock();
    let ticks = 0;
    const tick = (): void => void clock.schedule(10, () => (ticks++, tick()));
    tick();
    expect(await clock.runUntil(() => ticks === 3)).toBe(true);
    expect(clock.monotonic()).toBe(30);
    expect(await clock.runUntilIdle(50)).toBe(false);
    expect(ticks).toBe(8);
  });
});

describe('SeededRandom', () => {
  it('repeats itself for a seed, on every machine', () => {
    const random = new SeededRandom(42);
    const numbers = Array.from({ length: 3 }, () => Math.floor(random.next() * 1e6));
    expect(numbers).toMatchInlineSnapshot(`
     [
       660615,
       126880,
       111701,
     ]
    `);
  });

  it('is uniform enough to draw faults from', () => {
    const random = new SeededRandom(7);
    const buckets = new Array<number>(10).fill(0);
    for (let index = 0; index < 100_000; index++) buckets[random.below(10)]!++;
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });

  it('makes ids in order, and tokens, in the shape of UUIDs', () => {
    const random = new SeededRandom(1);
    const ids = [random.id(), random.id(), random.id()];
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect([...ids].sort()).toEqual(ids);
    expect(random.token()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
