import { VirtualClock } from '../testing/memory/virtual-clock';
import { quietly, unlessAborted, wait } from './waiting';

describe('a wait', () => {
  it('is as long as was asked for', async () => {
    const clock = new VirtualClock();
    let over: unknown;
    void wait(clock, 100).then((sooner) => (over = sooner));
    await clock.advance(99);
    expect(over).toBeUndefined();
    await clock.advance(1);
    expect(over).toBe(false);
  });

  it.each([
    ['resolves', () => Promise.resolve()],
    ['rejects, for that is an end, too', () => Promise.reject(new Error('it failed'))],
  ])('is shorter if what it waits for %s, and leaves no timer behind', async (_, settle) => {
    const clock = new VirtualClock();
    expect(await wait(clock, 100, settle())).toBe(true);
    expect(clock.nextAt).toBeUndefined();
  });

  it('does not go on for what never comes', async () => {
    const clock = new VirtualClock();
    const waited = wait(clock, 100, new Promise(() => {}));
    await clock.advance(100);
    expect(await waited).toBe(false);
  });
});

describe('a promise that is awaited unless aborted', () => {
  const listenersOf = (signal: AbortSignal) => {
    let listeners = 0;
    jest.spyOn(signal, 'addEventListener').mockImplementation(() => void listeners++);
    jest.spyOn(signal, 'removeEventListener').mockImplementation(() => void listeners--);
    return () => listeners;
  };

  it('is what it would be, and whoever waits in a loop leaves no listener behind', async () => {
    const { signal } = new AbortController();
    const listeners = listenersOf(signal);
    expect(await unlessAborted(Promise.resolve(7), signal)).toBe(7);
    await expect(unlessAborted(Promise.reject(new Error('it failed')), signal)).rejects.toThrow('it failed');
    expect(listeners()).toBe(0);
  });

  it('is nothing as soon as the signal says so', async () => {
    const controller = new AbortController();
    const waited = unlessAborted(new Promise<number>(() => {}), controller.signal);
    controller.abort();
    expect(await waited).toBeUndefined();
  });

  it('is nothing from the beginning if the signal has said so before', async () => {
    expect(await unlessAborted(Promise.resolve(7), AbortSignal.abort())).toBeUndefined();
  });
});

it('a call on what may be gone says nothing, whether it throws or rejects', async () => {
  const gone = (): never => {
    throw new Error('the channel is closed');
  };
  await expect(quietly(gone)).resolves.toBeUndefined();
  await expect(quietly(async () => gone())).resolves.toBeUndefined();
});
