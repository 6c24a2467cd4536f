import {
  ACTIONS,
  type Action,
  BROKER_POINTS,
  CLUSTER_ACTIONS,
  MIGRATION_POINTS,
  ORDER_POINTS,
  type Point,
  POINTS,
} from './points';

export interface PlannedRun {
  readonly point: Point;
  readonly action: Action;
}

/**
 * Every point with every action; or, where time is short, every point with a kill and one more action in turn; or a kill at
 * every sixth point.
 */
export type Scope = 'all' | 'some' | 'few';

type Longer = Exclude<Scope, 'few'>;

const FEW = 6;

/** @param seed turns what is chosen */
export function planMatrix(scope: Scope, seed: number): PlannedRun[] {
  if (scope === 'few') return planFew(seed);
  return [...planRuns(scope, seed), ...planOrder(scope), ...planMigrations(scope)];
}

/** Six runs of it, with seeds one after another, are a kill at every point. */
function planFew(seed: number): PlannedRun[] {
  const points: readonly Point[] = [...POINTS, ...ORDER_POINTS, ...MIGRATION_POINTS];
  return points.filter((_, index) => (index + seed) % FEW === 0).map((point) => ({ point, action: ACTIONS[0] }));
}

/** The seed turns the choice, so that three runs of the short plan are one of the long one. */
export function planRuns(scope: Longer, seed: number): PlannedRun[] {
  const [kill, ...others] = ACTIONS;
  return POINTS.flatMap((point, index) => {
    const further = scope === 'all' ? others : others.filter((_, turn) => (index + seed) % others.length === turn);
    return [kill, ...further].map((action) => ({ point, action }));
  });
}

/** With every action, or in short with a kill. */
export function planOrder(scope: Longer): PlannedRun[] {
  const actions = scope === 'all' ? ACTIONS : [ACTIONS[0]];
  return ORDER_POINTS.flatMap((point) => actions.map((action) => ({ point, action })));
}

/** A migration has no broker to be cut off from. */
export function planMigrations(scope: Longer): PlannedRun[] {
  const actions = scope === 'all' ? ACTIONS.filter((action) => action !== 'cut off from the broker') : [ACTIONS[0]];
  return MIGRATION_POINTS.flatMap((point) => actions.map((action) => ({ point, action })));
}

export function planCluster(): PlannedRun[] {
  return BROKER_POINTS.flatMap((point) => CLUSTER_ACTIONS.map((action) => ({ point, action })));
}
