import { MAX_AHEAD_MS, outOfTime } from './age';

it('a message is begun while it is within the horizon, and its clock no more than an hour ahead (R14)', () => {
  expect([0, 1_000, -MAX_AHEAD_MS].map((ageMs) => outOfTime(ageMs, 1_000))).toEqual([undefined, undefined, undefined]);
  expect(outOfTime(1_001, 1_000)).toBe('EXPIRED');
  expect(outOfTime(-MAX_AHEAD_MS - 1, 1_000)).toBe('CLOCK');
});
