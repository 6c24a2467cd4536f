import { VirtualClock } from '../testing/memory/virtual-clock';
import { TokenBucket } from './token-bucket';

describe('TokenBucket', () => {
  const clock = new VirtualClock();

  function take(bucket: TokenBucket, count: number): void {
    for (let i = 0; i < count; i++) bucket.take();
  }

  it('allows a quarter of the rate at once, and the rate from then on', async () => {
    const bucket = new TokenBucket(100, clock);
    expect(bucket.claimable()).toBe(25);
    take(bucket, 25);
    expect(bucket.claimable()).toBe(0);
    await clock.advance(100);
    expect(bucket.claimable()).toBe(10);
    await clock.advance(3_600_000);
    expect(bucket.claimable()).toBe(25);
  });

  it('never begins more than the rate and one burst, however often it is asked', async () => {
    const bucket = new TokenBucket(40, clock);
    let begun = 0;
    for (let ms = 0; ms < 10_000; ms += 7) {
      const count = bucket.claimable();
      take(bucket, count);
      begun += count;
      await clock.advance(7);
    }
    expect(begun).toBeLessThanOrEqual(10 * 40 + 10);
    expect(begun).toBeGreaterThanOrEqual(10 * 40 - 10);
  });

  it('waits for a claim that is worth its statement', async () => {
    const bucket = new TokenBucket(1_000, clock);
    take(bucket, 250);
    await clock.advance(10);
    expect(bucket.claimable()).toBe(0);
    await clock.advance(53);
    expect(bucket.claimable()).toBe(63);
  });

  it('keeps the lower half for the sweep', () => {
    const bucket = new TokenBucket(16, clock);
    const handedOff: boolean[] = [];
    for (let i = 0; i < 4; i++) {
      handedOff.push(bucket.hasPlenty());
      bucket.take();
    }
    expect(handedOff).toEqual([true, true, true, false]);
  });

  it('makes up for what was taken beyond it', async () => {
    const bucket = new TokenBucket(100, clock);
    take(bucket, 75);
    await clock.advance(500);
    expect([bucket.claimable(), bucket.hasPlenty()]).toEqual([0, false]);
    await clock.advance(250);
    expect([bucket.claimable(), bucket.hasPlenty()]).toEqual([25, true]);
  });

  it('works at one a second', async () => {
    const bucket = new TokenBucket(1, clock);
    expect([bucket.claimable(), bucket.hasPlenty()]).toEqual([1, true]);
    bucket.take();
    await clock.advance(999);
    expect([bucket.claimable(), bucket.hasPlenty()]).toEqual([0, false]);
    await clock.advance(1);
    expect([bucket.claimable(), bucket.hasPlenty()]).toEqual([1, true]);
  });

  it('has no end without a limit', async () => {
    const bucket = new TokenBucket(Infinity, clock);
    take(bucket, 1_000_000);
    await clock.advance(1);
    expect([bucket.claimable(), bucket.hasPlenty()]).toEqual([Infinity, true]);
  });
});
