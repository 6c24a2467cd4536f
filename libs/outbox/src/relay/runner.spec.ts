import type { OutboxEvent } from '../message/events';
import { VirtualClock } from '../testing/memory/virtual-clock';
import type { Relay } from './relay';
import { RelayRunner } from './runner';

describe('the runner of a relay', () => {
  let clock: VirtualClock;
  let sweeps: number[];
  let found: () => number;
  let events: OutboxEvent[];
  let runner: RelayRunner;

  beforeEach(() => {
    clock = new VirtualClock();
    [sweeps, events] = [[], []];
    found = () => 0;
    const relay = {
      runOnce: async () => {
        sweeps.push(clock.monotonic());
        return found();
      },
      room: async () => undefined,
      drain: async () => undefined,
    } as unknown as Relay;
    const monitor = { record: (event: OutboxEvent) => void events.push(event) };
    runner = new RelayRunner(relay, { busyMs: 50, idleMs: 200 }, clock, monitor);
    runner.start();
  });
  afterEach(async () => {
    const stopped = runner.stop();
    await clock.advance(1_000);
    await stopped;
  });

  it('looks less and less often while there is nothing, and at last as often as its pace says', async () => {
    await clock.advance(600);
    expect(sweeps).toEqual([0, 50, 150, 350, 550]);
  });

  it('looks again at once while there is more', async () => {
    let left = 3;
    found = () => left--;
    await clock.advance(60);
    expect(sweeps).toEqual([0, 50, 50, 50, 50]);
  });

  it('looks at once when it is woken', async () => {
    await clock.advance(360);
    runner.wake();
    await clock.advance(0);
    expect(sweeps.at(-1)).toBe(360);
  });

  it('goes on after a sweep that failed, and says so', async () => {
    found = () => {
      throw new Error('the database is away');
    };
    await clock.advance(100);
    expect(sweeps.length).toBeGreaterThan(1);
    expect(events[0]).toMatchObject({ event: 'relay.failed', step: 'claim', error: 'Error: the database is away' });
  });

  it('looks no more once it is stopped', async () => {
    const stopped = runner.stop();
    await clock.advance(0);
    await stopped;
    const before = sweeps.length;
    await clock.advance(10_000);
    expect(sweeps).toHaveLength(before);
  });
});
