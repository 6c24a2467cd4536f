import type { ClaimedDelivery } from '../message/delivery';

/** A delivery in memory, and the moment (monotonic) until which its lease allows a publish to begin. */
export interface HandedOff {
  readonly delivery: ClaimedDelivery;
  readonly publishBefore: number;
}

/**
 * The bounded buffer between commits and the relay. Room is reserved before the row is inserted: a row without room is
 * inserted unleased, and the sweep takes it. Deliveries wait per consumer, so that a slow one holds up nobody else.
 */
export class HandOffBuffer {
  private readonly queues = new Map<string, HandedOff[]>();
  private taken = 0;
  private closed = false;

  constructor(private readonly capacity: number) {}

  /** Whether there is room for so many, which then is theirs. */
  reserve(count: number): boolean {
    if (this.closed || this.taken + count > this.capacity) return false;
    this.taken += count;
    return true;
  }

  /** Room that was reserved, and is not needed. */
  giveBack(count: number): void {
    this.taken -= count;
  }

  /** Into the room that was reserved for them. @returns false after `close`: their leases are to be released */
  put(handedOff: readonly HandedOff[]): boolean {
    if (this.closed) return false;
    for (const each of handedOff) this.queue(each.delivery.consumer).push(each);
    return true;
  }

  /** The next delivery of every consumer that `enter` lets in, until nobody gets in any more. */
  *take(enter: (consumer: string) => boolean): Generator<HandedOff> {
    for (const [consumer, queue] of this.queues) {
      while (queue.length > 0 && enter(consumer)) {
        this.taken -= 1;
        yield queue.shift()!;
      }
      if (queue.length === 0) this.queues.delete(consumer);
    }
  }

  /** Takes no more, and returns what was not published: their leases are to be released. */
  close(): ClaimedDelivery[] {
    this.closed = true;
    const left = [...this.queues.values()].flat().map(({ delivery }) => delivery);
    this.taken -= left.length;
    this.queues.clear();
    return left;
  }

  private queue(consumer: string): HandedOff[] {
    const found = this.queues.get(consumer) ?? [];
    this.queues.set(consumer, found);
    return found;
  }
}
