import { distance } from 'fastest-levenshtein';
import { describeMs, type Duration, noDuration, toMs } from './duration';

/** One text for each option that does not exist, with the one that was probably meant. */
export function unknownOptions(given: object, known: readonly string[]): string[] {
  return Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => {
      const meant = probablyMeant(name, known);
      return `unknown option '${name}'.${meant === undefined ? '' : ` Did you mean '${meant}'?`}`;
    });
}

/** The known word next to one that is not; undefined if none is near. */
export function probablyMeant(word: string, known: readonly string[]): string | undefined {
  const nearest = [...known].sort((one, other) => distance(one, word) - distance(other, word))[0]!;
  return distance(nearest, word) <= Math.max(2, word.length / 3) ? nearest : undefined;
}

/** For callers without types, and for what was spread into an argument. @throws TypeError */
export function refuseUnknownOptions(where: string, given: object, known: readonly string[]): void {
  const problems = unknownOptions(given, known);
  if (problems.length > 0) throw new TypeError(`${where}: ${problems.join(' ')}`);
}

/** Reads options one by one, with their defaults, and collects everything that is wrong with them. */
export class OptionReader {
  readonly problems: string[];

  /** @param known the names of all options; any other is a problem */
  constructor(given: object, known: readonly string[]) {
    this.problems = unknownOptions(given, known);
  }

  /** In milliseconds; longer than none. */
  duration(name: string, value: Duration | undefined, fallback: Duration): number {
    const ms = toMs(value ?? fallback);
    if (ms !== undefined && ms > 0) return ms;
    this.problems.push(noDuration(name, value, String(fallback)));
    return toMs(fallback)!;
  }

  doubling(
    name: string,
    value: { first: Duration; max: Duration } | undefined,
    fallback: { first: Duration; max: Duration },
  ): { firstMs: number; maxMs: number } {
    const firstMs = this.duration(`${name}.first`, value?.first, fallback.first);
    const maxMs = this.duration(`${name}.max`, value?.max, fallback.max);
    if (firstMs > maxMs)
      this.problems.push(`${name}.first (${describeMs(firstMs)}) is longer than ${name}.max (${describeMs(maxMs)})`);
    return { firstMs, maxMs };
  }

  whole<Fallback extends number | undefined>(
    name: string,
    value: number | undefined,
    fallback: Fallback,
    min: number,
    max: number,
  ): number | Fallback {
    if (value === undefined) return fallback;
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
    this.problems.push(`${name} ${JSON.stringify(value)} must be a whole number from ${min} to ${max}`);
    return fallback;
  }

  flag(name: string, value: boolean | undefined, fallback: boolean): boolean {
    if (value === undefined || typeof value === 'boolean') return value ?? fallback;
    this.problems.push(`${name} ${JSON.stringify(value)} must be true or false`);
    return fallback;
  }
}
