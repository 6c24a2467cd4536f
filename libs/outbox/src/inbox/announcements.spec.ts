import fc from 'fast-check';
import { VirtualClock } from '../testing/memory/virtual-clock';
import { postgresFaults } from '../transactions/postgres/faults';
import { Announcements, waitingRoom } from './announcements';
import type { Outcome } from './outcome';

const MINUTE = 60_000;
/** RabbitMQ closes the channel of a consumer that keeps a delivery for longer. */
const CONSUMER_TIMEOUT = 30 * MINUTE;
const HANDLED = { kind: 'twin' } as const;
const failed = (error: unknown): Outcome => ({ kind: 'deferred', error });

function open(limits: { concurrency: number; timeoutMs: number }) {
  const clock = new VirtualClock();
  const announcements = new Announcements(
    limits,
    clock,
    { next: () => 0.5, token: () => '', id: () => '' },
    postgresFaults,
  );
  let atWork = 0;
  const seen = { most: 0 };
  /** Takes `ms`, then fails or not. Resolves with how long it was in hand. */
  const copy = (ms: number, error?: unknown): Promise<number> => {
    const arrived = clock.monotonic();
    return announcements
      .handle(async () => {
        seen.most = Math.max(seen.most, ++atWork);
        await new Promise<void>((resolve) => clock.schedule(ms, resolve));
        atWork -= 1;
        return error === undefined ? HANDLED : failed(error);
      })
      .then(() => clock.monotonic() - arrived);
  };
  return { clock, copy, seen };
}

describe('copies of announcements in hand', () => {
  it('let healthy ones pass while they wait for their next try', async () => {
    const { clock, copy, seen } = open({ concurrency: 2, timeoutMs: 30_000 });
    for (let i = 0; i < 8; i++) void copy(10, new Error('template missing'));
    const healthy = Promise.all([copy(10), copy(10), copy(10)]);
    await clock.advance(1_000);
    expect(Math.max(...(await healthy))).toBeLessThan(100);
    expect(seen.most).toBe(2);
  });

  it('that find no room to wait are given up before a long pause, so nobody waits long behind them', async () => {
    const limits = { concurrency: 2, timeoutMs: 30_000 };
    const { clock, copy } = open(limits);
    for (let i = 0; i < waitingRoom(limits) + 2; i++) void copy(10, new Error('template missing'));
    const healthy = copy(10);
    await clock.advance(CONSUMER_TIMEOUT);
    expect(await healthy).toBeLessThan(10_000);
  });

  it('keep on waiting while nothing can be reached, room or not', async () => {
    const limits = { concurrency: 1, timeoutMs: 10 * MINUTE };
    expect(waitingRoom(limits)).toBe(0);
    const { clock, copy } = open(limits);
    const away = copy(10, Object.assign(new Error('away'), { code: 'ECONNREFUSED' }));
    await clock.advance(CONSUMER_TIMEOUT);
    expect(await away).toBeGreaterThan(2 * MINUTE);
  });

  it('never outstay the broker’s patience, however long their handlers take', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          concurrency: fc.integer({ min: 1, max: 12 }),
          timeoutMs: fc.integer({ min: 1_000, max: 10 * MINUTE }),
        }),
        fc.infiniteStream(fc.record({ share: fc.double({ min: 0, max: 1, noNaN: true }), fails: fc.boolean() })),
        async (limits, kinds) => {
          const { clock, copy, seen } = open(limits);
          const inHand: number[] = [];
          // as many as the broker hands out, one for each that ends
          const next = async (): Promise<void> => {
            const { share, fails } = kinds.next().value!;
            inHand.push(await copy(Math.round(limits.timeoutMs * share), fails ? new Error('no') : undefined));
            if (inHand.length < 200) void next();
          };
          for (let i = limits.concurrency + waitingRoom(limits); i > 0; i--) void next();
          await clock.advance(2 * CONSUMER_TIMEOUT);
          expect(seen.most).toBeLessThanOrEqual(limits.concurrency);
          expect(Math.max(0, ...inHand)).toBeLessThan(CONSUMER_TIMEOUT);
        },
      ),
      { numRuns: 30 },
    );
  });
});
