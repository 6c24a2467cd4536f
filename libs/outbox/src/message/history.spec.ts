import { type Happening, type HistoryEntry, KEPT, withHappening } from './history';

const unroutable: Happening = { what: 'send-failed', code: 'UNROUTABLE', why: 'no queue' };
const refused: Happening = { what: 'send-failed', code: 'REFUSED', why: 'queue full' };
const historyOf = (...happenings: Happening[]): HistoryEntry<number>[] =>
  happenings.reduce<HistoryEntry<number>[]>((entries, each, index) => withHappening(entries, each, index + 1), []);

describe('a history', () => {
  it('has one entry for what happens again right after itself, with the latest words', () => {
    expect(historyOf(unroutable, { ...unroutable, attempt: 2, why: 'still none' }, refused, unroutable)).toEqual([
      { ...unroutable, attempt: 2, why: 'still none', number: 1, since: 1, at: 2, times: 2 },
      { ...refused, number: 2, since: 3, at: 3, times: 1 },
      { ...unroutable, number: 3, since: 4, at: 4, times: 1 },
    ]);
  });

  it('keeps its beginning and its end, however long it gets, and the numbers tell what is between', () => {
    const all = Array.from({ length: 1_000 }, (_, index) => (index % 2 ? refused : unroutable));
    const numbers = historyOf(...all).map(({ number }) => number);
    expect(numbers).toHaveLength(KEPT.first + KEPT.last);
    expect(numbers.slice(0, KEPT.first)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect([numbers[KEPT.first], numbers.at(-1)]).toEqual([1_000 - KEPT.last + 1, 1_000]);
  });
});
