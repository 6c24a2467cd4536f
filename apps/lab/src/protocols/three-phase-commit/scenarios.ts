import type { Scenario } from './simulation';

/** Why it was invented, and why nobody uses it. Ticks: 1 asked, 2 promised, 3 pre-commit heard (3PC), 4 ready, 5 commit. */
export const SCENARIOS: readonly Scenario[] = [
  { protocol: 'two-phase-commit', name: 'nothing goes wrong', expected: 'committed' },
  {
    protocol: 'two-phase-commit',
    name: 'the coordinator dies when all have promised',
    coordinatorDies: 2,
    expected: 'blocked',
    picture: 'three-phase-commit-blocked',
  },
  {
    protocol: 'three-phase-commit',
    name: 'nothing goes wrong',
    expected: 'committed',
    picture: 'three-phase-commit',
  },
  {
    protocol: 'three-phase-commit',
    name: 'the coordinator dies when all have promised',
    coordinatorDies: 2,
    expected: 'aborted',
    picture: 'three-phase-commit-ended',
  },
  {
    protocol: 'three-phase-commit',
    name: 'the coordinator dies when all are pre-committed',
    coordinatorDies: 4,
    expected: 'committed',
  },
  {
    protocol: 'three-phase-commit',
    name: 'the network parts when the pre-commit is on its way to C',
    partition: { from: 3, apart: ['C'] },
    expected: 'split',
    picture: 'three-phase-commit-split',
  },
];
