import { SystemClock } from './system-clock';
import { SystemRandom } from './system-random';

describe('SystemClock', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('runs a callback once, after its delay', () => {
    const callback = jest.fn();
    new SystemClock().schedule(1000, callback);
    jest.advanceTimersByTime(999);
    expect(callback).not.toHaveBeenCalled();
    jest.advanceTimersByTime(10_000);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('waits out delays that are longer than a Node timer can be', () => {
    const callback = jest.fn();
    const thirtyDays = 30 * 24 * 3600 * 1000;
    new SystemClock().schedule(thirtyDays, callback);
    jest.advanceTimersByTime(thirtyDays - 1);
    expect(callback).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('can be cancelled, also after the first leg of a long delay', () => {
    const callback = jest.fn();
    const cancel = new SystemClock().schedule(2 ** 32, callback);
    jest.advanceTimersByTime(2 ** 31);
    cancel();
    jest.advanceTimersByTime(2 ** 32);
    expect(callback).not.toHaveBeenCalled();
  });
});

describe('SystemRandom', () => {
  it('makes version 7 ids in order, and version 4 tokens', () => {
    const random = new SystemRandom();
    const ids = Array.from({ length: 100 }, () => random.id());
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect([...ids].sort()).toEqual(ids);
    expect(random.token()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  });
});
