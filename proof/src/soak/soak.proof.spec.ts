import { runSoak, type SoakSummary } from './index';

describe('the soak, small', () => {
  let summary: SoakSummary;

  beforeAll(async () => {
    summary = await runSoak({ seed: 1, messages: 2_000, faults: 20 });
    console.log(JSON.stringify(summary, undefined, 2));
  }, 1_800_000);

  it('loses nothing, does nothing twice, and both sides agree', () => {
    expect(summary).toMatchObject({
      problems: [],
      lost: 0,
      open: 0,
      duplicateEffects: 0,
      mismatchedVerdicts: 0,
      moneyDifference: 0,
      illegalTransitions: 0,
      ok: true,
    });
  });

  it('was about something: purchases with every ending, every kind of fault, and copies', () => {
    expect(summary.messages).toBeGreaterThanOrEqual(2_000);
    expect(summary.endings).toMatchObject({
      completed: expect.any(Number),
      compensated: expect.any(Number),
      parked: expect.any(Number),
    });
    expect(summary.faults).toBe(20);
    expect(Object.keys(summary.faultsByKind)).toHaveLength(13);
    expect(summary.duplicatesSuppressed).toBeGreaterThan(0);
  });
});
