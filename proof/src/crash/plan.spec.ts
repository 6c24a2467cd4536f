import { planMigrations, planRuns } from './plan';
import { ACTIONS, MIGRATION_POINTS, POINTS } from './points';

describe('the plan of the crash matrix', () => {
  it('is every point with every action', () => {
    expect(new Set(planRuns('all', 1).map(({ point, action }) => `${point} ${action}`)).size).toBe(
      POINTS.length * ACTIONS.length,
    );
  });

  it('in short, is every point with a kill and every third with one more, and the long one in nine turns', () => {
    const turns = Array.from({ length: 9 }, (_, seed) => planRuns('some', seed));
    for (const runs of turns) {
      expect(new Set(runs.filter(({ action }) => action === 'killed').map(({ point }) => point)).size).toBe(
        POINTS.length,
      );
      expect(Math.abs(runs.length - (4 / 3) * POINTS.length)).toBeLessThan(2);
    }
    const named = turns.flat().map(({ point, action }) => `${point} ${action}`);
    expect(new Set(named)).toEqual(new Set(planRuns('all', 1).map(({ point, action }) => `${point} ${action}`)));
  });

  it('interrupts migrations too: with everything but the broker, or in short with a kill', () => {
    expect(planMigrations('all')).toHaveLength(MIGRATION_POINTS.length * (ACTIONS.length - 1));
    expect(planMigrations('some')).toEqual(MIGRATION_POINTS.map((point) => ({ point, action: 'killed' })));
  });
});
