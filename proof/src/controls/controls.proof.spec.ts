import { type ControlsSummary, describeControl, runControls } from './index';

describe('negative controls', () => {
  let summary: ControlsSummary;

  beforeAll(async () => {
    summary = await runControls({ firstSeed: 1, seeds: 500 });
    console.log(summary.controls.map(describeControl).join('\n'));
  }, 300_000);

  it('catch every build that lacks a rule', () => {
    expect(summary.controls.filter(({ caughtBy }) => caughtBy === undefined)).toEqual([]);
  });

  it('lack each of the sixteen rules at least once', () => {
    expect(summary.missing).toEqual([]);
    expect(new Set(summary.controls.map(({ rule }) => rule)).size).toBeGreaterThanOrEqual(16);
  });
});
