import { planMatrix, planMigrations, planOrder, planRuns } from './plan';
import { ACTIONS, MIGRATION_POINTS, ORDER_POINTS, POINTS } from './points';

describe('the plan of the crash matrix', () => {
  it('is every point with every action', () => {
    expect(new Set(planRuns('all', 1).map(({ point, action }) => `${point} ${action}`)).size).toBe(
      POINTS.length * ACTIONS.length,
    );
  });

  it('in short, is every point with a kill and one more, and the long one in three turns', () => {
    const turns = [1, 2, 3].flatMap((seed) => planRuns('some', seed).map(({ point, action }) => `${point} ${action}`));
    expect(planRuns('some', 1)).toHaveLength(2 * POINTS.length);
    expect(new Set(turns)).toEqual(new Set(planRuns('all', 1).map(({ point, action }) => `${point} ${action}`)));
  });

  it('stops whoever lets the next of a key go: with every action, or in short with a kill', () => {
    expect(planOrder('all')).toHaveLength(ORDER_POINTS.length * ACTIONS.length);
    expect(planOrder('some')).toEqual(ORDER_POINTS.map((point) => ({ point, action: 'killed' })));
  });

  it('interrupts migrations too: with everything but the broker, or in short with a kill', () => {
    expect(planMigrations('all')).toHaveLength(MIGRATION_POINTS.length * (ACTIONS.length - 1));
    expect(planMigrations('some')).toEqual(MIGRATION_POINTS.map((point) => ({ point, action: 'killed' })));
  });

  it('where time is shortest, is a kill at every sixth point, and at all of them in six turns', () => {
    const turns = [1, 2, 3, 4, 5, 6].map((seed) => planMatrix('few', seed));
    expect(turns.flat().every(({ action }) => action === 'killed')).toBe(true);
    expect(turns.flatMap((turn) => turn.map(({ point }) => point)).sort()).toEqual(
      [...POINTS, ...ORDER_POINTS, ...MIGRATION_POINTS].sort(),
    );
    expect(Math.max(...turns.map((turn) => turn.length))).toBe(10);
  });
});
