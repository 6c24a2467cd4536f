import type { Session, Sessions } from './dialect';
import { Patience } from './patience';

describe('patience with a session', () => {
  let done: string[];
  let told: () => void;
  const session = {} as Session;
  const sessions = {
    cancel: (which: Session) => {
      done.push(which === session ? 'cancel' : 'cancel another');
      return new Promise<void>((resolve) => (told = resolve));
    },
    destroy: (which: Session) => void done.push(which === session ? 'destroy' : 'destroy another'),
  } as Partial<Sessions> as Sessions;
  beforeEach(() => {
    done = [];
    jest.useFakeTimers();
  });
  afterEach(() => jest.useRealTimers());

  it('ends after 20 seconds: what the server does is cancelled, then the connection destroyed, in this order', async () => {
    new Patience(sessions, session).begin();
    jest.advanceTimersByTime(19_999);
    expect(done).toEqual([]);
    jest.advanceTimersByTime(1);
    await Promise.resolve();
    // A pooler cancels only for a client that it still has.
    expect(done).toEqual(['cancel']);
    told();
    await Promise.resolve();
    expect(done).toEqual(['cancel', 'destroy']);
  });

  it('is not lost with who answers in time', () => {
    const patience = new Patience(sessions, session);
    patience.begin();
    patience.begin();
    patience.end();
    jest.advanceTimersByTime(60_000);
    expect([done, jest.getTimerCount()]).toEqual([[], 0]);
  });

  it('counts from the first of several waits, and begins anew after its end', () => {
    const patience = new Patience(sessions, session);
    patience.begin();
    jest.advanceTimersByTime(15_000);
    patience.begin();
    jest.advanceTimersByTime(5_000);
    expect(done).toEqual(['cancel']);
    patience.end();
    patience.begin();
    jest.advanceTimersByTime(20_000);
    expect(done).toEqual(['cancel', 'cancel']);
  });
});
