/** A message recorded further in the future than this would outlive its inbox row: its clock is wrong. */
export const MAX_AHEAD_MS = 3_600_000;

/** Why a message that nobody knows yet is not begun (R14), by how long ago it was recorded; undefined: it may be. */
export function outOfTime(ageMs: number, horizonMs: number): 'EXPIRED' | 'CLOCK' | undefined {
  if (ageMs > horizonMs) return 'EXPIRED';
  return ageMs < -MAX_AHEAD_MS ? 'CLOCK' : undefined;
}
