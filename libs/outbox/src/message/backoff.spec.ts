import { doubled, waits } from './backoff';

const BACKOFF = { firstMs: 1_000, maxMs: 30_000 };
const RECEIPT = { firstMs: 60_000, maxMs: 3_600_000 };

it('a wait doubles with each attempt, up to its bound, however many there were', () => {
  expect([1, 2, 3, 6, 1_000].map((attempt) => doubled(BACKOFF, attempt))).toEqual([
    1_000, 2_000, 4_000, 30_000, 30_000,
  ]);
});

it('a back-off is anywhere between nothing and that, so that those who failed together do not come back together', () => {
  const after = (random: number): number => waits(BACKOFF, RECEIPT, () => random).backoff(3);
  expect([after(0), after(0.5), after(0.9999)]).toEqual([1, 2_000, 4_000]);
});

it('nobody asks for a receipt earlier than that: it would cost a copy', () => {
  const after = (random: number): number => waits(BACKOFF, RECEIPT, () => random).receipt(1);
  expect([after(0), after(1)]).toEqual([60_000, 66_000]);
});
