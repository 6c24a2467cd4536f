/** What one side has in one minute of ids: how many with each verdict, and all their hashes, xor-ed. */
export interface Bucket {
  readonly minute: number;
  readonly verdict: string;
  readonly count: number;
  readonly hashes: string;
}

/** Ids, the first not included. */
export interface IdRange {
  readonly after: string;
  readonly upTo: string;
}

/** As expensive as a range more, about. */
const WORTH_READING = 2_000;

/**
 * The ids between which the two sides differ. What lies between two of them is read along if it is little: two statements
 * cost as much as some thousand rows.
 */
export function differingRanges(producer: readonly Bucket[], consumer: readonly Bucket[]): IdRange[] {
  const minutes = new Map<number, { rows: number; left: string[]; right: string[] }>();
  const sides = [
    ['left', producer],
    ['right', consumer],
  ] as const;
  for (const [side, buckets] of sides) {
    for (const { minute, verdict, count, hashes } of buckets) {
      const found = minutes.get(minute) ?? { rows: 0, left: [], right: [] };
      found.rows = Math.max(found.rows, count);
      found[side].push(`${verdict} ${count} ${hashes}`);
      minutes.set(minute, found);
    }
  }
  const ranges: { from: number; to: number }[] = [];
  let between = 0;
  for (const [minute, { rows, left, right }] of [...minutes].sort(([one], [other]) => one - other)) {
    if (left.sort().join() === right.sort().join()) between += rows;
    else {
      const last = ranges.at(-1);
      if (last && between < WORTH_READING) last.to = minute;
      else ranges.push({ from: minute, to: minute });
      between = 0;
    }
  }
  return ranges.map(({ from, to }) => ({ after: idBefore(from * MINUTE_MS), upTo: idBefore((to + 1) * MINUTE_MS) }));
}

export const MINUTE_MS = 60_000;

/** The last id before all those of this time and later, as a UUIDv7 (RFC 9562) is made: it begins with 48 bits of milliseconds. */
export function idBefore(ms: number): string {
  const digits = ms <= 0 ? '0'.repeat(32) : `${(ms - 1).toString(16).padStart(12, '0')}${'f'.repeat(20)}`;
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** No id is above it. */
export const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
