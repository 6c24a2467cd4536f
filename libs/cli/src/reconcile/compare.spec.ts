import type { DeliveryState, Verdict } from '@tallystick/outbox';
import { compare, type ConsumerHalf, type DifferenceKind, type ProducerHalf } from './compare';

const told = (id: string, state: DeliveryState, verdict: Verdict | null = null, more = {}): ProducerHalf => ({
  ...{ id, state, verdict, announced: false, recent: true },
  ...more,
});
const decided = (id: string, verdict: Verdict, more = {}): ConsumerHalf => ({
  ...{ id, verdict, recent: true, due: true },
  ...more,
});
const kinds = (producer: ProducerHalf[], consumer: ConsumerHalf[]): [string, DifferenceKind][] =>
  [...compare(producer, consumer)].map(({ id, kind }) => [id, kind]);

describe('compare', () => {
  it('finds nothing where both say the same', () => {
    const producer = [told('a', 'completed', 'accepted'), told('b', 'compensated', 'rejected'), told('c', 'pending')];
    expect(kinds(producer, [decided('a', 'accepted'), decided('b', 'rejected')])).toEqual([]);
  });

  it('names every way in which two halves can differ', () => {
    const producer = [
      told('a', 'completed', 'accepted'),
      told('c', 'completed', 'accepted'),
      told('d', 'parked'),
      told('e', 'answered', 'rejected'),
      told('f', 'discarded'),
    ];
    const consumer = [
      decided('b', 'accepted'),
      decided('c', 'rejected'),
      decided('d', 'accepted'),
      decided('e', 'rejected'),
      decided('f', 'accepted'),
    ];
    expect(kinds(producer, consumer)).toEqual([
      ['a', 'forgotten'],
      ['b', 'unknown'],
      ['c', 'contradiction'],
      ['d', 'unheard'],
      ['e', 'unfinished'],
      ['f', 'unheard'],
    ]);
  });

  it('takes nothing for lost that may have been pruned', () => {
    expect(kinds([told('a', 'completed', 'accepted', { recent: false })], [])).toEqual([]);
    expect(kinds([], [decided('a', 'accepted', { recent: false })])).toEqual([]);
  });

  it('takes nothing for unheard that may be on its way back, and a contradiction never for late', () => {
    const late = { due: false };
    const producer = [told('b', 'sent'), told('c', 'answered', 'accepted'), told('d', 'compensated', 'rejected')];
    const consumer = ['a', 'b', 'c', 'd'].map((id) => decided(id, 'accepted', late));
    expect(kinds(producer, consumer)).toEqual([['d', 'contradiction']]);
  });

  it('does not ask what became of an announcement', () => {
    const announced = { announced: true };
    const producer = [told('a', 'delivered', null, announced), told('b', 'delivered', null, announced)];
    expect(kinds(producer, [decided('a', 'rejected')])).toEqual([]);
  });
});
