import { AsyncLocalStorage } from 'node:async_hooks';
import type { ClaimedDelivery } from '../message/delivery';
import { SeededRandom } from '../testing/memory/seeded-random';
import { VirtualClock } from '../testing/memory/virtual-clock';
import { HandOffBuffer } from './hand-off-buffer';
import { RelayHandOff } from './relay-hand-off';

const SETTINGS = { leaseMs: 30_000, publishTimeoutMs: 1_000 };

describe('the hand-off', () => {
  let told: string[];
  let buffer: HandOffBuffer;
  const request = new AsyncLocalStorage<string>();

  function handOff({ capacity = 10, ready = true } = {}): RelayHandOff {
    told = [];
    buffer = new HandOffBuffer(capacity);
    const tell = (what: string): void => void told.push(`${what} in ${request.getStore() ?? 'nobody’s request'}`);
    const relay = {
      ready: () => ready,
      takeHandedOff: () => tell('taken'),
      release: () => tell('released'),
      wake: () => tell('woken'),
    };
    const [clock, random] = [new VirtualClock(), new SeededRandom(1)];
    const parts = { buffer, relay, clock, random };
    return new RelayHandOff(parts, SETTINGS);
  }

  it('is where the caller’s request ends: whatever it wakes runs in nobody’s', () => {
    const subject = handOff();
    request.run('ada', () => {
      const [now, late] = [subject.reserve(1)!, subject.reserve(1)!];
      now.hand([]);
      subject.wake();
      buffer.close();
      late.hand([]);
    });

    expect(told).toEqual(['taken', 'woken', 'released'].map((what) => `${what} in nobody’s request`));
  });

  it('takes no more than there is room for, and gives back the room of what was not handed off, once', () => {
    const subject = handOff({ capacity: 2 });
    const slot = subject.reserve(2)!;
    expect(subject.reserve(1)).toBeUndefined();
    slot.release();
    slot.release();
    expect(subject.reserve(3)).toBeUndefined();
    expect(subject.reserve(2)).toBeDefined();
  });

  it('keeps the room of what was handed off until the relay has taken it', () => {
    const subject = handOff({ capacity: 1 });
    const slot = subject.reserve(1)!;
    slot.hand([{ messageId: 'm', consumer: 'order-service' } as ClaimedDelivery]);
    slot.release();
    expect(subject.reserve(1)).toBeUndefined();
    expect([...buffer.take(() => true)].map(({ publishBefore }) => publishBefore)).toEqual([29_000]);
    expect(subject.reserve(1)).toBeDefined();
  });

  it.each([{ ready: false }, { capacity: 0 }])('is not offered while nothing could be published: %j', (at) => {
    expect(handOff(at).reserve(1)).toBeUndefined();
  });
});
