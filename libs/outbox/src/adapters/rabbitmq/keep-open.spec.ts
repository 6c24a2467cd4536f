import { getEventListeners } from 'node:events';
import { SeededRandom } from '../../testing/memory/seeded-random';
import { VirtualClock } from '../../testing/memory/virtual-clock';
import { KeepOpen, type KeepOpenOptions, type Session } from './keep-open';

describe('KeepOpen', () => {
  let clock: VirtualClock;
  let troubles: unknown[];
  /** The sessions that were opened. */
  let sessions: { end(why?: string): void; closed: number }[];

  beforeEach(() => {
    clock = new VirtualClock();
    troubles = [];
    sessions = [];
  });

  function keepOpen(
    open: (signal: AbortSignal) => Promise<Session>,
    exceptions?: Pick<KeepOpenOptions, 'passes'>,
  ): KeepOpen {
    return new KeepOpen(open, {
      ...exceptions,
      clock,
      random: new SeededRandom(1),
      pauseMs: 50,
      onTrouble: (problem) => troubles.push(problem),
    });
  }
  async function open(): Promise<Session> {
    const session = { end: (_?: string): void => {}, closed: 0 };
    const over = new Promise<string | undefined>((resolve) => (session.end = resolve));
    sessions.push(session);
    return {
      over,
      close: async () => {
        session.closed++;
      },
    };
  }

  it('opens the next session when one is over, after a pause, and closes each exactly once', async () => {
    const loop = keepOpen(open);
    expect(await loop.start()).toBeUndefined();
    await clock.advance(10_000);
    sessions[0]!.end('gone');
    await clock.advance(49);
    expect(sessions).toHaveLength(1);

    await clock.runUntil(() => sessions.length === 2, 500);
    await loop.stop();

    expect(sessions.map(({ closed }) => closed)).toEqual([1, 1]);
    expect(troubles).toEqual(['gone']);
  });

  it('keeps to itself what is known to pass, until it has not', async () => {
    const passes = (problem: unknown, failures: number): boolean => String(problem) === 'soon' && failures <= 3;
    const loop = keepOpen(open, { passes });
    await loop.start();
    for (let session = 0; session < 4; session++) {
      expect(troubles).toEqual([]);
      sessions[session]!.end('soon');
      await clock.runUntil(() => sessions.length === session + 2, 10_000);
    }
    await loop.stop();

    expect(troubles).toEqual(['soon']);
  });

  it('says what the first attempt failed with, and goes on trying', async () => {
    let attempts = 0;
    const loop = keepOpen(() => (attempts++ < 3 ? Promise.reject(new Error('refused')) : open()));

    expect(await loop.start()).toEqual(new Error('refused'));

    await clock.runUntil(() => sessions.length === 1, 60_000);
    await loop.stop();
  });

  it('reports the same problem once in a row, and again after a session that held', async () => {
    let up = false;
    const loop = keepOpen(() => (up ? open() : Promise.reject(new Error('refused'))));
    await loop.start();
    await clock.advance(60_000);
    expect(troubles).toEqual([new Error('refused')]);

    up = true;
    await clock.runUntil(() => sessions.length === 1, 60_000);
    await clock.advance(2_000);
    up = false;
    sessions[0]!.end('lost');
    await clock.advance(60_000);

    expect(troubles.map(String)).toEqual(['Error: refused', 'lost', 'Error: refused']);
    await loop.stop();
  });

  it('pauses longer and longer, but never longer than five seconds', async () => {
    const at: number[] = [];
    const loop = keepOpen(() => {
      at.push(clock.monotonic());
      return Promise.reject(new Error('refused'));
    });
    await loop.start();

    await clock.advance(120_000);

    const pauses = at.slice(1).map((moment, index) => moment - at[index]!);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(50);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(5_000);
    expect(Math.max(...pauses.slice(10))).toBeGreaterThan(2_000);
    expect(pauses[0]).toBeLessThan(200);
    await loop.stop();
  });

  it('does not call an end that was planned a trouble', async () => {
    const loop = keepOpen(open);
    await loop.start();
    for (let count = 1; count <= 5; count++) {
      sessions.at(-1)!.end();
      await clock.advance(50); // no failure: the shortest pause
      expect(sessions).toHaveLength(count + 1);
    }
    expect(troubles).toEqual([]);
    await loop.stop();
  });

  it('closes a session that opens while it is being stopped', async () => {
    let opened = (_: Session): void => {};
    const loop = keepOpen(() => new Promise((resolve) => (opened = resolve)));
    const started = loop.start();
    const stopping = loop.stop();

    opened(await open());

    await Promise.all([started, stopping]);
    expect(sessions[0]!.closed).toBe(1);
  });

  it('tells an opening that takes long to give up', async () => {
    const loop = keepOpen(
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up')))),
    );
    void loop.start();

    await loop.stop();

    expect(troubles).toEqual([]);
  });

  it('leaves nothing behind on its signal, however often it fails', async () => {
    const listeners: number[] = [];
    const loop = keepOpen((signal) => {
      listeners.push(getEventListeners(signal, 'abort').length);
      return Promise.reject(new Error('refused'));
    });
    await loop.start();
    await clock.runUntil(() => listeners.length > 20, 600_000);
    await loop.stop();

    expect(new Set(listeners)).toEqual(new Set([0]));
  });

  it('stops in the middle of a pause', async () => {
    const loop = keepOpen(() => Promise.reject(new Error('refused')));
    await loop.start();
    await clock.advance(10);

    await loop.stop();
  });
});
