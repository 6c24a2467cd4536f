import { describeMs, durationOf, noDuration, toMs } from './duration';

describe('a duration', () => {
  it('is read from numbers and units, and from nothing else', () => {
    expect(['30s', '15m', '2h', '14d', '1w', '7ms', 250].map(toMs)).toEqual([
      30_000, 900_000, 7_200_000, 1_209_600_000, 604_800_000, 7, 250,
    ]);
    expect(['-1s', 'soon', NaN, Infinity, -5].map(toMs)).toEqual(Array(5).fill(undefined));
    // An empty variable of the environment, or a caller without types.
    expect((['', true, null, {}, []] as never[]).map(toMs)).toEqual(Array(5).fill(undefined));
  });

  it('may be none at all, which is not the same as no duration', () => {
    expect([0, '0s'].map(toMs)).toEqual([0, 0]);
  });

  it('is rounded to whole milliseconds', () => {
    expect([0.4, 1.6, '1.5s', '0.0016s'].map(toMs)).toEqual([0, 2, 1_500, 2]);
  });

  it('in a call is refused by its name and value, with how one is written', () => {
    expect(durationOf('delay', '30s', '15m')).toBe(30_000);
    expect(durationOf('delay', 0, '15m')).toBe(0);
    expect(() => durationOf('delay', 'soon', '15m')).toThrow(
      new TypeError('delay "soon" is no duration: write milliseconds or \'15m\'.'),
    );
  });

  it.each<[unknown, string]>([
    ['soon', '"soon"'],
    [-5, '-5'],
    [{ minutes: 5 }, '{"minutes":5}'],
  ])('is not %j, and that is said in a part of a sentence', (value, written) => {
    expect(noDuration('timeout', value, '5s')).toBe(`timeout ${written} is no duration: write milliseconds or '5s'`);
  });

  it('is told to people in one unit', () => {
    expect([90_000, 14 * 86_400_000, 999].map(describeMs)).toEqual(['2m', '14d', '999ms']);
  });
});
