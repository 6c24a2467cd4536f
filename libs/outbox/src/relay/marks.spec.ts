import { VirtualClock } from '../testing/memory/virtual-clock';
import type { ClaimedDelivery, DeliveryKey } from '../message/delivery';
import type { Marked, MarkRow, OutboxStore } from '../ports/store';
import { Marks } from './marks';

describe('Marks', () => {
  /** A store that says which rows somebody else holds. */
  function open(held: (rows: readonly MarkRow[], call: number) => readonly DeliveryKey[]) {
    const calls: string[][] = [];
    const clock = new VirtualClock();
    const mark = async (rows: readonly MarkRow[]): Promise<Marked> => {
      calls.push(rows.map(({ messageId }) => messageId));
      return { written: [], held: held(rows, calls.length) };
    };
    const marks = new Marks({ mark } as unknown as OutboxStore, clock, {
      record: () => {},
    });
    const record = (messageId: string): Promise<void> =>
      marks.write({ messageId, consumer: 'order-service', leaseToken: 'token' } as ClaimedDelivery, {
        kind: 'sent',
        waitMs: 60_000,
      });
    return { calls, clock, marks, record };
  }

  it('tries again what somebody else held for a moment, and is done when that is written', async () => {
    const { calls, clock, record } = open((rows, call) =>
      call === 1 ? rows.filter(({ messageId }) => messageId === 'held') : [],
    );
    const written: string[] = [];
    void record('free').then(() => written.push('free'));
    void record('held').then(() => written.push('held'));
    await clock.advance(50);
    expect([calls, written]).toEqual([
      [['free', 'held'], ['held']],
      ['free', 'held'],
    ]);
  });

  it('goes on for seconds while it is held, ever more slowly, and then leaves it to its lease', async () => {
    const { calls, clock, record } = open((rows) => rows);
    const recorded = record('held');
    await clock.advance(1_000);
    const within = calls.length;
    await clock.advance(10_000);
    await recorded;
    expect([within, calls.length]).toEqual([7, 9]);
  });

  it('leaves a row alone that is not ours any more', async () => {
    const { calls, clock, record } = open(() => []);
    const recorded = record('closed by its receipt');
    await clock.advance(1_000);
    await recorded;
    expect(calls).toHaveLength(1);
  });

  it('are not written when the receipt was faster; one that is being written says when it is done', async () => {
    const [early, late] = ['early', 'late'].map((messageId) => ({ messageId, consumer: 'order-service' }));
    let writing: Promise<void> | undefined;
    const { calls, clock, marks, record } = open(() => {
      queueMicrotask(() => (writing = marks.skip(late!)));
      return [];
    });
    const recorded = [record('early'), record('late')];
    expect(marks.skip(early!)).toBeUndefined();
    await clock.advance(25);
    await Promise.all(recorded);
    expect(calls).toEqual([['late']]);
    expect(writing).toBeInstanceOf(Promise);
    await writing;
    expect(marks.skip(late!)).toBeUndefined();
  });

  it('drains what is tried again, too', async () => {
    const { calls, clock, marks, record } = open((rows, call) => (call <= 3 ? rows : []));
    const recorded = record('held');
    let drained = false;
    const draining = marks.drain().then(() => (drained = true));
    await clock.advance(70);
    expect(drained).toBe(false);
    await clock.advance(1_000);
    await Promise.all([draining, recorded]);
    expect(calls).toHaveLength(4);
  });
});
