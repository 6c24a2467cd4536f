import { distance } from 'fastest-levenshtein';

/** One text for each option that does not exist, with the one that was probably meant. */
export function unknownOptions(given: object, known: readonly string[]): string[] {
  return Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => {
      const nearest = [...known].sort((a, b) => distance(a, name) - distance(b, name))[0]!;
      const hint = distance(nearest, name) <= Math.max(2, name.length / 3) ? ` Did you mean '${nearest}'?` : '';
      return `unknown option '${name}'.${hint}`;
    });
}

/** For callers without types, and for what was spread into an argument. @throws TypeError */
export function refuseUnknownOptions(where: string, given: object, known: readonly string[]): void {
  const problems = unknownOptions(given, known);
  if (problems.length > 0) throw new TypeError(`${where}: ${problems.join(' ')}`);
}
