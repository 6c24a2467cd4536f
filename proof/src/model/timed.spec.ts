import { burst, deadlineNoticedLate, publishesDuring } from './timed';

describe('the rules that need a clock', () => {
  it('R16: with the lease checked, a burst is drained without a single duplicate', () => {
    expect(burst(true)).toMatchObject({ duplicates: 0, drainedAtSeconds: expect.any(Number) });
  });

  it('R16: without the check, memory and sweep publish the same rows and the backlog never drains', () => {
    const { duplicates, drainedAtSeconds } = burst(false);
    expect(duplicates).toBeGreaterThan(1000);
    expect(drainedAtSeconds).toBeNull();
  });

  it('R12: a copy that stays silent while its twin is in progress does not hurry the next one', () => {
    expect(publishesDuring(600, 'silent')).toBe(4);
    expect(publishesDuring(600, 'deferred')).toBeGreaterThan(50);
  });

  it('R8: a deadline is noticed when it passes only if it caps every wait', () => {
    expect(deadlineNoticedLate(300, true)).toBe(0);
    expect(deadlineNoticedLate(300, false)).toBe(120);
  });
});
