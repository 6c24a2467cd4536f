import { type CrashSummary, runCrashMatrix } from './index';
import { MIGRATION_POINTS, ORDER_POINTS, POINTS } from './points';

describe('the crash matrix: every point with a kill, and with one more action in turn', () => {
  let summary: CrashSummary;

  beforeAll(async () => {
    summary = await runCrashMatrix({ scope: 'some', seed: 1 });
    console.log(JSON.stringify(summary, undefined, 2));
  }, 1_800_000);

  it('reaches every point, and the promise holds at each', () => {
    expect(summary.failures).toEqual([]);
    expect(summary).toMatchObject({
      points: POINTS.length + ORDER_POINTS.length + MIGRATION_POINTS.length,
      runs: 2 * POINTS.length + ORDER_POINTS.length + MIGRATION_POINTS.length,
      ok: true,
    });
  });
});
