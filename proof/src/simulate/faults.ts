import {
  type Fate,
  type FaultPlan,
  fates,
  MemoryDatabaseError,
  type Moment,
  SeededRandom,
} from '@tallystick/outbox/testing';

/**
 * What can go wrong, and how likely at each opportunity when it is switched on. Every seed switches on its own half of
 * them ("swarm testing", Groce et al., ISSTA 2012: leaving faults out finds more than always having all of them).
 */
const LIKELIHOOD = {
  // at every publish
  lost: 0.1,
  duplicated: 0.15,
  delayed: 0.2,
  late: 0.1,
  returned: 0.1,
  refused: 0.1,
  'unknown, delivered': 0.1,
  'unknown, lost': 0.1,
  unavailable: 0.1,
  // at every step of a process
  crash: 0.004,
  pause: 0.002,
  // at every moment of a transaction
  'no connection': 0.02,
  'pool exhausted': 0.05,
  'statement failed': 0.02,
  'commit refused': 0.03,
  'commit lost': 0.03,
  'commit in doubt': 0.04,
  // in the application
  'handler failed': 0.2,
  'handler slow': 0.15,
  'follow-up failed': 0.3,
  'old version': 0.4,
  // every ten seconds
  'broker down': 0.15,
  'broker blocked': 0.15,
  'database down': 0.15,
  deploy: 0.2,
  'clock jump': 0.2,
  'weeks pass': 0.08,
} as const;

export type FaultKind = keyof typeof LIKELIHOOD;
export const FAULT_KINDS = Object.keys(LIKELIHOOD) as readonly FaultKind[];

/** Decides, by the seed alone, what goes wrong when. */
export class Faults {
  readonly counts = new Map<FaultKind, number>();
  private readonly likelihood = new Map<FaultKind, number>();
  private striking = true;

  constructor(
    private readonly random: SeededRandom,
    private readonly note: (kind: FaultKind) => void,
    fairWeather: boolean,
  ) {
    if (fairWeather) return;
    for (const kind of FAULT_KINDS) {
      const severity = 2 ** (2 * random.next() - 1);
      if (random.chance(0.5)) this.likelihood.set(kind, LIKELIHOOD[kind] * severity);
    }
  }

  strikes(kind: FaultKind): boolean {
    const likelihood = this.likelihood.get(kind);
    if (!this.striking || likelihood === undefined || !this.random.chance(likelihood)) return false;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.note(kind);
    return true;
  }

  /** From now on everything works. What is under way stays under way. */
  end(): void {
    this.striking = false;
  }

  /** A duration: mostly short, sometimes long. */
  duration(leastMs: number, mostMs: number): number {
    return Math.round(leastMs * (mostMs / leastMs) ** this.random.next());
  }

  /** What the broker does with a publish. */
  readonly plan: FaultPlan = () => this.fate() ?? fates.fine(this.duration(1, 20));

  private fate(): Fate | undefined {
    if (this.strikes('lost')) return fates.lost();
    if (this.strikes('duplicated')) return fates.duplicated(this.duration(1, 5_000));
    if (this.strikes('delayed')) return fates.delayed(this.duration(10, 3_000));
    if (this.strikes('late')) return fates.delayed(this.duration(3_000, 60_000));
    if (this.strikes('returned')) return fates.returned();
    if (this.strikes('refused')) return fates.refused();
    if (this.strikes('unknown, delivered')) return fates.unknown(this.duration(1, 60_000));
    if (this.strikes('unknown, lost')) return fates.unknown();
    return this.strikes('unavailable') ? fates.unavailable() : undefined;
  }

  /** What a database connection does at this moment of a transaction: throws, or nothing. */
  interfere(moment: Moment): void {
    switch (moment) {
      case 'begin':
        if (this.strikes('no connection')) throw new MemoryDatabaseError('08006', 'connection refused');
        return;
      case 'statement': {
        const code = (['40001', '55P03', '08006'] as const)[this.random.below(3)]!;
        if (this.strikes('statement failed')) throw new MemoryDatabaseError(code, 'injected');
        return;
      }
      case 'commit':
        if (this.strikes('commit refused')) throw new MemoryDatabaseError('40001', 'could not serialize access');
        if (this.strikes('commit lost')) throw new MemoryDatabaseError('08006', 'connection lost before the commit');
        return;
      case 'committed':
        if (this.strikes('commit in doubt')) throw new MemoryDatabaseError('08006', 'connection lost after the commit');
        return;
      default:
        moment satisfies never;
    }
  }
}
