/** Several measurements of one thing: the median counts, the extremes show how far to trust it. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** In the order they were measured. */
  readonly rounds: readonly number[];
}

/** @throws RangeError without a value */
export function summarise(rounds: readonly number[]): Summary {
  const sorted = [...rounds].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), min: sorted[0]!, max: sorted.at(-1)!, rounds };
}

/**
 * The ratio of two things that were measured in turn: each round is compared with its own neighbour, so that a machine
 * that becomes slower in the middle of the run disturbs both alike.
 */
export function pairedRatio(ours: Summary, baseline: Summary): Summary {
  return summarise(ours.rounds.map((value, round) => value / baseline.rounds[round]!));
}

/** @param sorted ascending; between two values the quantile is interpolated */
export function quantile(sorted: readonly number[], q: number): number {
  if (sorted.length === 0) throw new RangeError('no values, no quantile');
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  return below + (above - below) * (position - Math.floor(position));
}

export interface Latencies {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly count: number;
}

export function latencies(values: readonly number[]): Latencies {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    p50: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    p99: quantile(sorted, 0.99),
    count: sorted.length,
  };
}
