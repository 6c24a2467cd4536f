import { VirtualClock } from '../testing/memory/virtual-clock';
import { SeededRandom } from '../testing/memory/seeded-random';
import type { OutboxEvent } from '../message/events';
import { OutboxPressure } from './pressure';

describe('OutboxPressure', () => {
  let clock: VirtualClock;
  let events: OutboxEvent[];
  let looks: number;
  let oldestDueMs: () => Promise<number>;
  let pressure: OutboxPressure;

  beforeEach(() => {
    clock = new VirtualClock();
    events = [];
    looks = 0;
    oldestDueMs = async () => 0;
    const store = {
      oldestDueMs: () => {
        looks += 1;
        return oldestDueMs();
      },
    };
    const monitor = { record: (event: OutboxEvent) => events.push(event) };
    pressure = new OutboxPressure(
      { service: 'user-service', shedAfterMs: 60_000 },
      store,
      clock,
      new SeededRandom(1),
      monitor,
    );
  });

  /** One request now; the look it may have set off has ended. */
  async function request(): Promise<boolean> {
    const refused = pressure.check() !== undefined;
    await clock.advance(0);
    return refused;
  }
  async function requestAfter(ms: number): Promise<boolean> {
    await clock.advance(ms);
    return request();
  }

  it('refuses from the first look on that finds the limit exceeded, until one finds it kept', async () => {
    oldestDueMs = async () => 60_001;
    expect([await request(), await request()]).toEqual([false, true]);
    expect(pressure.check()).toMatchObject({ lagMs: 60_001 });
    oldestDueMs = async () => 60_000;
    expect([await requestAfter(999), await requestAfter(1), await request()]).toEqual([true, true, false]);
    expect(events).toEqual([
      { event: 'pressure.high', lagMs: 60_001 },
      { event: 'pressure.normal', lagMs: 60_000 },
    ]);
  });

  it('looks once a second at the most, whatever the number of requests, and not at all without any', async () => {
    for (let ms = 0; ms < 10_000; ms += 5) await requestAfter(5);
    expect(looks).toBe(10);
    await clock.advance(3_600_000);
    expect(looks).toBe(10);
  });

  it('waits for no look: while one takes long it goes by the last, then lets everybody in', async () => {
    oldestDueMs = async () => 90_000;
    await request();
    oldestDueMs = () => new Promise(() => undefined);
    expect([await requestAfter(1_000), await requestAfter(9_000), await requestAfter(1)]).toEqual([true, true, false]);
    expect(looks).toBe(2);
  });

  it('lets everybody in while the database cannot tell, and says so once', async () => {
    oldestDueMs = async () => 90_000;
    await request();
    oldestDueMs = () => Promise.reject(new Error('too many clients'));
    expect([await requestAfter(1_000), await request(), await requestAfter(1_000)]).toEqual([true, false, false]);
    oldestDueMs = async () => 90_000;
    expect([await requestAfter(1_000), await request()]).toEqual([false, true]);
    expect(events.map(({ event }) => event)).toEqual(['pressure.high', 'pressure.unknown', 'pressure.high']);
  });

  it('lets in the first that comes after a quiet time', async () => {
    oldestDueMs = async () => 90_000;
    await request();
    expect([await requestAfter(60_000), await request()]).toEqual([false, true]);
  });

  it('sends those away for different times, so that they do not come back together', async () => {
    oldestDueMs = async () => 90_000;
    await request();
    const seconds = Array.from({ length: 200 }, () => pressure.check()!.retryAfterSeconds);
    expect([...new Set(seconds)].sort((a, b) => a - b)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  });
});
