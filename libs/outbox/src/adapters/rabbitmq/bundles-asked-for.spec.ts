import { VirtualClock } from '../../testing/memory/virtual-clock';
import { Appetite } from './appetite';
import { MAX_MEMBERS } from './bundle';
import { Takers } from './takers';

describe('a consumer asks for bundles', () => {
  let clock: VirtualClock;
  beforeEach(() => (clock = new VirtualClock()));
  /** Handles messages that take so long, in pairs. @returns what it would rather have when the first of the last pair is done */
  async function handled(appetite: Appetite, ms: number, pairs = 100): Promise<number | undefined> {
    let most: number | undefined;
    for (let pair = 0; pair < pairs; pair++) {
      const lasting = (time: number) =>
        appetite.watch(() => new Promise<void>((resolve) => clock.schedule(time, resolve)));
      const both = [lasting(ms), lasting(ms + 1)] as const;
      await clock.advance(ms + 1);
      most = (await both[0]).most;
      await both[1];
    }
    return most;
  }

  it.each([
    [1, MAX_MEMBERS],
    [20, 20],
    [150, 2],
  ])('when it has several in hand and takes %i ms for each: of %i', async (ms, most) => {
    const asked = await handled(new Appetite(8, clock), ms);
    expect(Math.abs(asked! - most)).toBeLessThanOrEqual(1);
  });

  it('never when it is slow', async () => {
    expect(await handled(new Appetite(8, clock), 250)).toBeUndefined();
  });

  it('no longer once it has become slow', async () => {
    const appetite = new Appetite(8, clock);
    await handled(appetite, 1);
    expect(await handled(appetite, 1_000, 4)).toBeUndefined();
  });

  it('never when it has one at a time', async () => {
    const appetite = new Appetite(8, clock);
    for (let each = 0; each < 10; each++)
      expect(await appetite.watch(async () => {})).toMatchObject({ most: undefined });
  });
});

describe('a producer sends bundles', () => {
  it('to whom asked for them, of the type it asked for, for ten minutes', async () => {
    const clock = new VirtualClock();
    const takers = new Takers(clock);
    takers.note('order-service', { type: 'order.requested', most: 12 });
    takers.note('mail-service', { type: 'mail.requested', most: 1_000_000 });
    expect(takers.most('order-service', 'order.requested')).toBe(12);
    expect(takers.most('mail-service', 'mail.requested')).toBe(MAX_MEMBERS);
    expect(takers.most('order-service', 'order.cancelled')).toBe(1);
    expect(takers.most('mail-service', 'order.requested')).toBe(1);
    await clock.advance(599_999);
    expect(takers.most('order-service', 'order.requested')).toBe(12);
    await clock.advance(1);
    expect(takers.most('order-service', 'order.requested')).toBe(1);
  });

  it('and remembers no more of them than a system can have', () => {
    const takers = new Takers(new VirtualClock());
    for (let each = 0; each < 2_000; each++) takers.note('order-service', { type: `type-${each}`, most: 8 });
    expect(takers.most('order-service', 'type-0')).toBe(1);
    expect(takers.most('order-service', 'type-1999')).toBe(8);
  });
});
