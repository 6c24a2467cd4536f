import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Books, endingOf, readBooks } from '../observers/books';
import type { Ending } from '../protocols/protocol';
import type { World } from '../world/world';

/** Longest time until it is as expected; a busy machine is slow to lose money, too. */
const PATIENCE_MS = 60_000;
/**
 * Nothing moves any more if so many looks in a row see the same. Something that is to stay wrong is looked at for longer than
 * any protocol waits before it looks after what was left (two seconds, of two-phase commit).
 */
const LOOKS = { consistent: 10, otherwise: 150 };
const EVERY_MS = 20;

export interface Rest {
  /** Until the books were right; undefined: they never were. */
  readonly afterMs?: number;
  readonly books: Books;
}

/** Waits until the books say what is expected and go on saying so, or for as long as it may take. */
export async function rest(world: World, customerId: number, expected: Ending): Promise<Rest> {
  const kind = expected === 'consistent' ? 'consistent' : 'otherwise';
  const began = performance.now();
  const sinceBegan = (): number => Math.round(performance.now() - began);
  let since: number | undefined;
  let before: Books | undefined;
  for (let looks = 0; ;) {
    const books = await readBooks(world, customerId).catch(() => undefined);
    const right = books !== undefined && endingOf(books) === expected;
    // An ending can be certain while something is still tidied up.
    const same = isDeepStrictEqual(books, before);
    looks = right ? (same ? looks + 1 : 1) : 0;
    before = books;
    since = right ? (since ?? sinceBegan()) : undefined;
    if (books && (looks === LOOKS[kind] || sinceBegan() >= PATIENCE_MS)) {
      return endingOf(books) === 'consistent' ? { afterMs: since ?? sinceBegan(), books } : { books };
    }
    await sleep(EVERY_MS);
  }
}
