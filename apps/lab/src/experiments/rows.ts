import type { Bystander, Ending, Told, Trial } from '../protocols/protocol';

/** An experiment that was done. Plain data: it survives `JSON.stringify`. */
interface Done {
  readonly protocol: string;
  /** As it should be. */
  readonly asExpected: boolean;
  /** What was expected, if it is not what happened. */
  readonly problem?: string;
  readonly bystander: Bystander;
  /** Longest wait of the bystander, in all. */
  readonly bystanderMs: number;
  readonly ending: Ending;
}

/** A row of table B. */
export interface CrashRow extends Done, Omit<Trial, 'expected'> {
  readonly rejected: boolean;
  /** While the process is dead: in cents, and how much is half done. */
  readonly moneyBefore: number;
  readonly halfDoneBefore: number;
  /** From its new start until everything is at rest; undefined: never. */
  readonly recoveredMs?: number;
  /** In cents, when nothing moves any more. */
  readonly moneyAfter: number;
}

/** A cell of table C. */
export interface OutageRow extends Done {
  readonly away: string;
  readonly without?: string;
  readonly awayMs: number;
  readonly told: Told;
  /** From its return until everything is at rest; undefined: never. */
  readonly lateMs?: number;
  readonly moneyAfter: number;
}

/** @returns in words what is not as expected; undefined if everything is */
export function difference<T extends object>(
  expected: T,
  actual: Readonly<Record<keyof T, unknown>>,
): string | undefined {
  const wrong = (Object.keys(expected) as (keyof T)[]).filter((name) => expected[name] !== actual[name]);
  if (wrong.length === 0) return undefined;
  return wrong
    .map((name) => `${String(name)}: ${String(expected[name])} expected, ${String(actual[name])} found`)
    .join('; ');
}
