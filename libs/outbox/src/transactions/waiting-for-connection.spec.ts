import { Logger } from '@nestjs/common';
import type { ConnectionPool } from './dialect';
import { namingConnectTimeout, WaitingForConnection } from './waiting-for-connection';

const POOL: ConnectionPool = {
  ...{ size: 10, waiting: 3, timeoutMs: undefined, onConnect: () => {}, offConnect: () => {} },
  isTimeout: ({ message }) => message === 'timed out',
};

describe('who waits for a connection', () => {
  let lines: string[];
  const logger = { warn: (line: string) => void lines.push(line) } as Partial<Logger> as Logger;
  const never = new Promise<never>(() => {});
  beforeEach(() => {
    lines = [];
    jest.useFakeTimers();
  });
  afterEach(() => jest.useRealTimers());

  it('for ten seconds is worth a line, once for all who wait, with the option that bounds it', () => {
    const waiting = new WaitingForConnection(logger, 'connectTimeoutMS');
    for (let nth = 0; nth < 3; nth++) void waiting.watch(never, POOL);
    jest.advanceTimersByTime(9_999);
    expect(lines).toEqual([]);
    jest.advanceTimersByTime(30_000);
    expect(lines).toEqual([
      'A transaction has waited 10000 ms for a connection of the DataSource, and 3 wait now: all 10 of its pool (poolSize) ' +
        'are in use, or the database does not answer. It waits for ever: set e.g. connectTimeoutMS: 10_000.',
    ]);
  });

  it.each([
    [
      'until its time is over',
      'connectTimeoutMS',
      30_000,
      /It goes on waiting until 30000 ms are over \(connectTimeoutMS\)\.$/,
    ],
    ['for ever, where no option bounds it', undefined, undefined, /It waits for ever\.$/],
  ])('does so %s', (_, option, timeoutMs, patience) => {
    void new WaitingForConnection(logger, option).watch(never, { ...POOL, timeoutMs });
    jest.advanceTimersByTime(10_000);
    expect(lines).toEqual([expect.stringMatching(patience)]);
  });

  it('is told of again after somebody got one', async () => {
    const waiting = new WaitingForConnection(logger, undefined);
    let connect = (_: string): void => {};
    const connected = waiting.watch(new Promise<string>((resolve) => (connect = resolve)), POOL);
    void waiting.watch(never, POOL);
    jest.advanceTimersByTime(10_000);
    connect('connection');
    expect(await connected).toBe('connection');
    void waiting.watch(never, POOL);
    jest.advanceTimersByTime(10_000);
    expect(lines).toHaveLength(2);
  });

  it('and gets one leaves no timer behind', async () => {
    const waiting = new WaitingForConnection(logger, undefined);
    await waiting.watch(Promise.resolve(), undefined);
    await expect(waiting.watch(Promise.reject(new Error('no such host')), undefined)).rejects.toThrow('no such host');
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is told which option’s time was over, and nothing else is dressed up', async () => {
    const [timedOut, other] = [new Error('timed out'), new Error('no such host')];
    const pool = { ...POOL, timeoutMs: 500 };
    expect(namingConnectTimeout(timedOut, pool)).toMatchObject({
      message: expect.stringMatching(/^no connection within 500 ms \(connectTimeoutMS .*: all 10 of its pool/),
      cause: timedOut,
    });
    expect([other, 'timed out'].map((error) => namingConnectTimeout(error, pool))).toEqual([other, 'timed out']);
    expect(namingConnectTimeout(timedOut, undefined)).toBe(timedOut);
    const waiting = new WaitingForConnection(logger, undefined);
    await expect(waiting.watch(Promise.reject(timedOut), pool)).rejects.toThrow('no connection within 500 ms');
  });
});
