import { type CrashSummary, runCrashMatrix } from './index';
import { POINTS } from './points';

describe('the crash matrix: every point with a kill, and with one more action in turn', () => {
  let summary: CrashSummary;

  beforeAll(async () => {
    summary = await runCrashMatrix({ scope: 'some', seed: 1 });
    console.log(JSON.stringify(summary, undefined, 2));
  }, 900_000);

  it('reaches every point, and the promise holds at each', () => {
    expect(summary.failures).toEqual([]);
    expect(summary).toMatchObject({ points: POINTS.length, runs: 2 * POINTS.length, ok: true });
  });
});
