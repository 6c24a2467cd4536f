import { distance } from 'fastest-levenshtein';

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
