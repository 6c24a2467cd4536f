import { REGRESSIONS } from './regressions';
import { run } from './run';
import { replay, simulate } from './simulate';

describe('one seed', () => {
  it('is one run, step by step', async () => {
    const [first, second] = [await replay(7), await replay(7)];
    expect(first.split('\n').length).toBeGreaterThan(100);
    expect(second).toBe(first);
  });

  it('takes the same course whether somebody writes it down or not', async () => {
    const { log: _, ...recorded } = await run(7, { recording: true });
    const { log: __, ...silent } = await run(7);
    expect(silent).toEqual(recorded);
  });

  it('is another run than the next seed', async () => {
    expect(await replay(8)).not.toBe(await replay(7));
  });

  it.each(REGRESSIONS)('$seed keeps the promise, which was broken once: $found', async ({ seed }) => {
    expect((await run(seed)).violation).toBeUndefined();
  });
});

describe('in fair weather', () => {
  it('every delivery is sent once, answered once, and never asked for again', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { violation, endings, reports, faults } = await run(seed, { fairWeather: true });
      expect([violation, faults]).toEqual([undefined, {}]);
      // Poison is sent again after a person looked at it; a cancel is a second envelope.
      const poisoned = reports['inbox.unprocessable'] ?? 0;
      const deliveries = Object.values(endings).reduce((sum, count) => sum + count, 0);
      const cancels = reports['delivery.cancelling'] ?? 0;
      expect(reports['delivery.published'] ?? 0).toBeLessThanOrEqual(deliveries + poisoned + cancels);
      expect(reports['receipt.duplicate'] ?? 0).toBe(0);
      expect(reports['inbox.replayed'] ?? 0).toBe(0);
    }
  });
});

describe('a summary', () => {
  it('counts every seed once, reports progress, and is JSON', async () => {
    const progress: number[] = [];
    const onProgress = (done: number): void => void progress.push(done);
    const summary = await simulate({ firstSeed: 40, seeds: 5, workers: 1, onProgress });
    expect(progress).toEqual([1, 2, 3, 4, 5]);
    expect(summary).toMatchObject({ ok: true, firstSeed: 40, seeds: 5, failures: [] });
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
  });
});
