import type { ClaimedDelivery } from '../message/delivery';
import { HandOffBuffer } from './hand-off-buffer';

const to = (consumer: string, messageId: string) => ({
  delivery: { messageId, consumer } as ClaimedDelivery,
  publishBefore: 0,
});

describe('what was handed off', () => {
  it('waits per consumer: one that nobody gets in to holds up no other', () => {
    const buffer = new HandOffBuffer(10);
    buffer.reserve(3);
    buffer.put([to('slow', 'a'), to('fast', 'b'), to('fast', 'c')]);
    const taken = (enter: (consumer: string) => boolean): string[] =>
      [...buffer.take(enter)].map(({ delivery }) => delivery.messageId);
    expect(taken((consumer) => consumer === 'fast')).toEqual(['b', 'c']);
    expect(taken(() => true)).toEqual(['a']);
  });

  it('is returned by close, after which nothing is taken in', () => {
    const buffer = new HandOffBuffer(10);
    buffer.reserve(2);
    expect(buffer.put([to('order-service', 'a')])).toBe(true);
    expect(buffer.close().map(({ messageId }) => messageId)).toEqual(['a']);
    expect(buffer.put([to('order-service', 'b')])).toBe(false);
    expect(buffer.reserve(1)).toBe(false);
    expect([...buffer.take(() => true)]).toEqual([]);
  });
});
