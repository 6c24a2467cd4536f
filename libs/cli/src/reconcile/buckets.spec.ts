import { type Bucket, differingRanges, idBefore, MINUTE_MS } from './buckets';

const bucket = (minute: number, hashes = '1', count = 1, verdict = 'accepted'): Bucket => ({
  ...{ minute, verdict, count, hashes },
});

describe('differingRanges', () => {
  it('finds none where all sums are the same, in whatever order they come', () => {
    const rejected = bucket(1, '7', 1, 'rejected');
    expect(differingRanges([bucket(1), rejected], [rejected, bucket(1)])).toEqual([]);
  });

  it('goes from before the first id of the minute to its last', () => {
    expect(differingRanges([bucket(29_000_000)], [])).toEqual([
      { after: '01952014-f7ff-ffff-ffff-ffffffffffff', upTo: '01952015-e25f-ffff-ffff-ffffffffffff' },
    ]);
  });

  it.each([
    ['another id', bucket(5, '2')],
    ['one more', bucket(5, '1', 2)],
    ['another verdict', bucket(5, '1', 1, 'rejected')],
  ])('sees %s', (_, other) => {
    expect(differingRanges([bucket(5)], [other])).toHaveLength(1);
  });

  it('reads along what lies between if it is little', () => {
    const between = (rows: number): number =>
      differingRanges([bucket(1), bucket(2, '1', rows), bucket(3)], [bucket(2, '1', rows)]).length;
    expect([between(1_999), between(2_000)]).toEqual([1, 2]);
  });
});

describe('idBefore', () => {
  it('is the last one before', () => {
    expect(idBefore(MINUTE_MS)).toBe('00000000-ea5f-ffff-ffff-ffffffffffff');
    expect(idBefore(0)).toBe('00000000-0000-0000-0000-000000000000');
  });
});
