import { SeededRandom } from '@tallystick/outbox/testing';
import { type FaultKind, type FaultKinds, LANES } from './faults';
import type { Stage } from './stage';

export interface PlannedFault {
  readonly name: string;
  /** Its own, so that what one fault draws does not change the next. */
  readonly seed: number;
}

/** Which faults come in which order: every kind at least once if there is room, then by weight. The seed's choice alone. */
export function planFaults(kinds: FaultKinds, count: number, random: SeededRandom): PlannedFault[] {
  const names = Object.keys(kinds);
  const urn = names.flatMap((name) => Array.from({ length: kinds[name]!.weight }, () => name));
  const once = shuffled(names, random).slice(0, count);
  const more = Array.from({ length: count - once.length }, () => random.pick(urn));
  return shuffled([...once, ...more], random).map((name) => ({ name, seed: random.below(2 ** 32) }));
}

/**
 * Keeps faults and purchases in step, so that all faults meet traffic and all traffic meets faults, however fast the
 * machine is: of both about the same share has been done at any time.
 */
export class Pace {
  /** Purchases, and so the quick lanes, may run ahead of the slowest lane by so many faults. */
  private readonly lead: number;
  private recorded = 0;
  private struck = 0;

  constructor(
    private readonly messages: number,
    private readonly faults: number,
  ) {
    this.lead = Math.max(4, faults / 8);
  }

  noteRecorded(count: number): void {
    this.recorded += count;
  }

  noteStruck(): void {
    this.struck++;
  }

  /** Cannot wait for each other: all faults below the first that is not over are over. */
  mayStrike(index: number): boolean {
    return this.recorded >= Math.floor((index / this.faults) * this.messages);
  }

  mayRecord(): boolean {
    return this.recorded < ((this.struck + this.lead) / this.faults) * this.messages;
  }

  get everythingRecorded(): boolean {
    return this.recorded >= this.messages;
  }

  toString(): string {
    return `${this.recorded} of ${this.messages} purchases, ${this.struck} of ${this.faults} faults`;
  }
}

/** Lets the faults happen, lane by lane. @returns when all are over */
export async function strikeAll(
  kinds: FaultKinds,
  plan: readonly PlannedFault[],
  stage: Stage,
  wait: { until(condition: () => boolean): Promise<void> },
  pace: Pace,
  onFault: (line: string) => void,
): Promise<void> {
  const inOrder = plan.map((fault, index) => ({ ...fault, index }));
  const lane = async (name: FaultKind['lane']): Promise<void> => {
    for (const fault of inOrder.filter((each) => kinds[each.name]!.lane === name)) {
      await wait.until(() => pace.mayStrike(fault.index));
      onFault(`fault ${fault.index + 1} of ${plan.length}: ${fault.name}`);
      await kinds[fault.name]!.strike(stage, new SeededRandom(fault.seed));
      pace.noteStruck();
    }
  };
  await Promise.all(LANES.map(lane));
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}
