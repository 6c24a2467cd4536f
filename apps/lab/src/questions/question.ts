import type { Cleanup } from '@tallystick/services';
import type { Bench } from '../world/bench';

/** Something that everybody is asked about messages, answered by trying it. */
export interface Question {
  readonly name: string;
  readonly title: string;
  ask(bench: Bench, cleanup: Cleanup): Promise<readonly Answer[]>;
}

/** A line of its table, and whether it came out as it must. */
export interface Answer {
  readonly row: Readonly<Record<string, string>>;
  readonly asExpected: boolean;
}
