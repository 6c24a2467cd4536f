import { type CrashSummary, runCrashMatrix } from './index';

describe('the crash matrix on MariaDB, in short: a kill at every sixth point', () => {
  let summary: CrashSummary;

  beforeAll(async () => {
    summary = await runCrashMatrix({ scope: 'few', seed: 1, database: 'mariadb' });
    console.log(JSON.stringify(summary, undefined, 2));
  }, 1_800_000);

  it('reaches every point of them, and the promise holds at each', () => {
    expect(summary).toMatchObject({ failures: [], database: 'mariadb', points: 9, runs: 9, ok: true });
  });
});
