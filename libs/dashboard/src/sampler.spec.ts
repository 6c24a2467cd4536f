import type { Sample } from './page';
import { type Look, Sampler } from './sampler';

const SAMPLE = {
  at: '',
  open: [],
  recorded: 0,
  settled: [],
  paused: [],
  running: [],
  took: null,
  capped: false,
} satisfies Sample;

describe('The sampler', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const setUp = (): { take: jest.Mock; sampler: Sampler<Sample> } => {
    const take = jest.fn(() => Promise.resolve(SAMPLE));
    return { take, sampler: new Sampler(take) };
  };

  it('asks nothing while nobody watches', async () => {
    const { take, sampler } = setUp();
    await jest.advanceTimersByTimeAsync(10_000);
    const stop = sampler.watch(() => {});
    await jest.advanceTimersByTimeAsync(2_500);
    expect(take).toHaveBeenCalledTimes(3);
    stop();
    await jest.advanceTimersByTimeAsync(10_000);
    expect(take).toHaveBeenCalledTimes(3);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('asks once a second, however many watch', async () => {
    const { take, sampler } = setUp();
    const told = Array.from({ length: 20 }, () => jest.fn());
    for (const watcher of told) sampler.watch(watcher);
    await jest.advanceTimersByTimeAsync(4_500);
    expect(take).toHaveBeenCalledTimes(5);
    for (const watcher of told) expect(watcher).toHaveBeenCalledTimes(5);
  });

  it('shows whoever comes later the last look at once', async () => {
    const { take, sampler } = setUp();
    sampler.watch(() => {});
    await jest.advanceTimersByTimeAsync(0);
    const late = jest.fn();
    sampler.watch(late);
    expect(late).toHaveBeenCalledWith({ sample: SAMPLE });
    expect(take).toHaveBeenCalledTimes(1);
  });

  it('tells when the database does not answer, and asks again', async () => {
    const { take, sampler } = setUp();
    take.mockRejectedValueOnce(new Error('gone'));
    const told: Look<Sample>[] = [];
    sampler.watch((look) => told.push(look));
    await jest.advanceTimersByTimeAsync(1_500);
    expect(told).toEqual([{ trouble: expect.any(String) }, { sample: SAMPLE }]);
  });

  it('never asks twice at a time', async () => {
    const { take, sampler } = setUp();
    let answer = (_: Sample): void => {};
    take.mockImplementation(() => new Promise((resolve) => (answer = resolve)));
    const stop = sampler.watch(() => {});
    stop();
    const told = jest.fn();
    sampler.watch(told);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(take).toHaveBeenCalledTimes(1);
    answer(SAMPLE);
    await jest.advanceTimersByTimeAsync(0);
    expect(told).toHaveBeenCalledTimes(1);
  });
});
