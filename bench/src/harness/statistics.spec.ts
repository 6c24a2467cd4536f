import { alternate } from './rounds';
import { figure } from './result';
import { latencies, pairedRatio, quantile, summarise } from './statistics';

describe('statistics', () => {
  it('takes the middle value, and keeps the extremes and the order', () => {
    expect(summarise([30, 10, 20])).toEqual({ median: 20, min: 10, max: 30, rounds: [30, 10, 20] });
    expect(summarise([4, 1, 3, 2]).median).toBe(2.5);
  });

  it('compares each round with its neighbour, not with the best of another time', () => {
    // the machine became half as fast after the first round: the ratio did not change
    expect(pairedRatio(summarise([100, 50, 50]), summarise([200, 100, 100]))).toMatchObject({ min: 0.5, max: 0.5 });
  });

  it('interpolates quantiles', () => {
    expect(quantile([0, 10], 0.25)).toBe(2.5);
    expect(latencies([5, 1, 2, 4, 3])).toMatchObject({ p50: 3, count: 5 });
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });
});

describe('figure', () => {
  const ours = summarise([90, 90, 90]);
  const baseline = { name: 'by hand', ...summarise([100, 100, 100]) };

  it('judges the ratio where the target is one, and the value otherwise', () => {
    const common = { name: 'x', unit: 'y', ours, baseline };
    expect(figure({ ...common, target: { of: 'ratio', atLeast: 0.9 } }).reached).toBe(true);
    expect(figure({ ...common, target: { of: 'ratio', atLeast: 0.91 } }).reached).toBe(false);
    expect(figure({ ...common, target: { of: 'value', atMost: 80 } }).reached).toBe(false);
    expect(figure(common).reached).toBeUndefined();
  });
});

describe('alternate', () => {
  it('measures in turns, each round beginning with the next one', async () => {
    const order: string[] = [];
    const variant = (name: string) => ({ name, measure: async () => order.push(name) });
    const measured = await alternate(3, [variant('a'), variant('b')]);
    expect(order).toEqual(['a', 'b', 'b', 'a', 'a', 'b']);
    expect(measured.get('b')).toEqual([2, 3, 6]);
  });
});
