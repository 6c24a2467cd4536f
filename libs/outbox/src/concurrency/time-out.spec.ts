import { SystemClock } from '../adapters/system/system-clock';
import { TimeIsOverError, withTimeout } from './time-out';

describe('Work with a time-out', () => {
  const within = <T>(timeoutMs: number, work: (signal: () => AbortSignal) => Promise<T>): Promise<T> =>
    withTimeout(new SystemClock(), timeoutMs, 'it', '`timeout`', work);

  it('is told through its signal that its time is over, before and after', async () => {
    const never = new Promise<never>(() => {});
    let early!: AbortSignal;
    let late!: () => AbortSignal;
    const running = within(1, (signal) => {
      early = signal();
      late = signal;
      return never;
    });
    expect(early.aborted).toBe(false);

    await expect(running).rejects.toThrow('it took longer than 1 ms (`timeout`)');
    expect(early.reason).toBeInstanceOf(TimeIsOverError);
    expect(late()).toBe(early);
  });

  it('finds it out too when it asks for the first time', async () => {
    let late!: () => AbortSignal;
    const running = within(1, (signal) => {
      late = signal;
      return new Promise(() => {});
    });
    await expect(running).rejects.toThrow(TimeIsOverError);
    expect(late().reason).toBeInstanceOf(TimeIsOverError);
  });

  it('ends as it ends, and then nothing is aborted', async () => {
    let signal!: AbortSignal;
    const failure = new Error('no');
    expect(await within(10_000, (told) => Promise.resolve((signal = told())))).toBe(signal);
    await expect(within(10_000, () => Promise.reject(failure))).rejects.toBe(failure);
    await expect(
      within(10_000, () => {
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(signal.aborted).toBe(false);
  });
});
