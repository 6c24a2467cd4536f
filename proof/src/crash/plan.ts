import { ACTIONS, type Action, type Point, POINTS } from './points';

export interface PlannedRun {
  readonly point: Point;
  readonly action: Action;
}

/** Every point with every action; or, where time is short, every point with a kill and one more action in turn. */
export type Scope = 'all' | 'some';

/** The seed turns the choice, so that three runs of the short plan are one of the long one. */
export function planRuns(scope: Scope, seed: number): PlannedRun[] {
  const [kill, ...others] = ACTIONS;
  return POINTS.flatMap((point, index) => {
    const further = scope === 'all' ? others : others.filter((_, turn) => (index + seed) % others.length === turn);
    return [kill, ...further].map((action) => ({ point, action }));
  });
}
