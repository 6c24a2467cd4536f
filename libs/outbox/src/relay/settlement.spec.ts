import { VirtualClock } from '../adapters/memory/virtual-clock';
import type { ClaimedDelivery, DeliveryKey } from '../message/delivery';
import type { OutboxStore, SettleRow } from '../ports/store';
import { Settlements } from './settlement';

describe('Settlements', () => {
  /** A store that says which rows it has written. */
  function open(written: (rows: readonly SettleRow[], call: number) => DeliveryKey[]) {
    const calls: string[][] = [];
    const clock = new VirtualClock();
    const settle = async (rows: readonly SettleRow[]): Promise<DeliveryKey[]> => {
      calls.push(rows.map(({ messageId }) => messageId));
      return written(rows, calls.length);
    };
    const settlements = new Settlements({ settle } as unknown as OutboxStore, clock, {
      record: () => {},
    });
    const record = (messageId: string): Promise<void> =>
      settlements.record({ messageId, consumer: 'order-service', leaseToken: 'token' } as ClaimedDelivery, {
        kind: 'sent',
        waitMs: 60_000,
      });
    return { calls, clock, settlements, record };
  }

  it('tries again what somebody else held for a moment, and is done when that has landed', async () => {
    const { calls, clock, record } = open((rows, call) =>
      call === 1 ? rows.filter(({ messageId }) => messageId !== 'held') : [...rows],
    );
    const landed: string[] = [];
    void record('free').then(() => landed.push('free'));
    void record('held').then(() => landed.push('held'));
    await clock.advance(25);
    expect([calls, landed]).toEqual([
      [['free', 'held'], ['held']],
      ['free', 'held'],
    ]);
  });

  it('leaves a row alone that is not ours any more', async () => {
    const { calls, clock, record } = open(() => []);
    const recorded = record('closed by its receipt');
    await clock.advance(1_000);
    await recorded;
    expect(calls).toHaveLength(3);
  });

  it('drains what is tried again, too', async () => {
    const { calls, settlements, record } = open((rows, call) => (call === 1 ? [] : [...rows]));
    const recorded = record('held');
    await settlements.drain();
    await recorded;
    expect(calls).toHaveLength(2);
  });
});
