import { VirtualClock } from '../testing/memory/virtual-clock';
import type { Pause } from '../message/pause';
import { OutboxHealth } from './health';

describe('OutboxHealth', () => {
  const transport = { name: 'test', ready: true } as never;
  const counts = { claimOverdueMs: 0, refused: 0, returned: 0 };
  const clock = new VirtualClock();
  const paused: Pause[] = [];
  const health = (oldestDueMs: () => Promise<number>, claimOverdueMs = 0): OutboxHealth =>
    new OutboxHealth(
      'user-service',
      { oldestDueMs, pauses: async () => paused } as never,
      transport,
      () => ({ ...counts, claimOverdueMs }),
      () => ({ size: 2, share: 1, inUse: {} }),
      clock,
    );
  const at = (claimOverdueMs: number) => health(async () => 0, claimOverdueMs).check();

  it('is degraded, and says for how long, when the relay gets no answer to its claims', async () => {
    expect(await at(0)).toMatchObject({ status: 'up', claimOverdueMs: 0 });
    expect(await at(9_999)).toMatchObject({ status: 'up' });
    expect(await at(10_000)).toMatchObject({ status: 'degraded', claimOverdueMs: 10_000 });
  });

  it('is not degraded by a pause, and names it without saying to strangers who paused it, or why', async () => {
    paused.push({ to: 'order-service', since: '2026-01-01T00:00:00Z', by: 'ada', reason: 'their database moves' });
    expect(await at(0)).toMatchObject({
      status: 'up',
      paused: [{ to: 'order-service', since: '2026-01-01T00:00:00Z' }],
    });
    expect(JSON.stringify(await at(0))).not.toContain('ada');
    paused.length = 0;
  });

  describe('as an indicator for Terminus', () => {
    it('is up while it is degraded, under the key that is asked for', async () => {
      const report = { transport: { name: 'test', ready: true }, ...counts, oldestDueMs: 5, paused: [] };
      expect(await health(async () => 5).indicator()()).toEqual({
        outbox: { status: 'up', degraded: false, ...report },
      });
      expect(await health(async () => 5, 10_000).indicator('messages')()).toEqual({
        messages: { status: 'up', degraded: true, ...report, claimOverdueMs: 10_000 },
      });
    });

    it('is down when the database refuses, or does not answer in time', async () => {
      const refusing = health(() => Promise.reject(new Error('away')));
      expect(await refusing.indicator()()).toEqual({
        outbox: { status: 'down', message: 'the database cannot be asked' },
      });
      const silent = health(() => new Promise(() => {})).indicator('outbox', { timeoutMs: 50 })();
      await clock.advance(50);
      expect(await silent).toEqual({
        outbox: { status: 'down', message: 'the database has not answered within 50 ms' },
      });
    });
  });
});
