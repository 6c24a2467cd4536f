import { AsyncLocalStorage } from 'node:async_hooks';
import type { ClaimedDelivery } from '../message/delivery';
import type { Clock, Random } from '../ports/clock';
import type { HandOff, HandOffSlot } from '../ports/hand-off';

/** A delivery in memory, and the moment (monotonic) until which its lease allows a publish to begin. */
export interface HandedOff {
  readonly delivery: ClaimedDelivery;
  readonly publishBefore: number;
}

/**
 * The bounded buffer between commits and the relay. Room is reserved before the row is inserted: a row without room is
 * inserted unleased, and the sweep takes it. Deliveries wait per destination, so that a slow one holds up nobody else.
 */
export class HandOffBuffer implements HandOff {
  private readonly queues = new Map<string, HandedOff[]>();
  private taken = 0;
  private closed = false;
  /**
   * Here the caller's work ends and the library's begins: what follows does not belong to his request, and must not see
   * what he keeps in AsyncLocalStorage (his tenant, his user, his transaction).
   */
  private readonly inOwnContext = AsyncLocalStorage.snapshot();
  /** Told when there is something to do: by the relay. */
  onHanded = (): void => {};
  onWake = (): void => {};
  /** Told of what was handed over after `close`: its leases are to be released. */
  onLate: (deliveries: readonly ClaimedDelivery[]) => void = () => {};

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly limits: { capacity: number; leaseMs: number; publishTimeoutMs: number },
    /** Nothing is handed off while nothing could be published. */
    private readonly ready: () => boolean,
  ) {}

  reserve(count: number): HandOffSlot | undefined {
    if (this.closed || this.taken + count > this.limits.capacity || !this.ready()) return undefined;
    this.taken += count;
    let held = count;
    const { leaseMs, publishTimeoutMs } = this.limits;
    // R16: the lease starts in the database, a little after this moment.
    const publishBefore = this.clock.monotonic() + leaseMs - publishTimeoutMs;
    return {
      leaseToken: this.random.token(),
      leaseMs,
      hand: (deliveries) => {
        if (this.closed) return this.inOwnContext(() => this.onLate(deliveries));
        held -= deliveries.length;
        for (const delivery of deliveries) this.queue(delivery.consumer).push({ delivery, publishBefore });
        this.inOwnContext(() => this.onHanded());
      },
      release: () => {
        this.taken -= held;
        held = 0;
      },
    };
  }

  wake(): void {
    this.inOwnContext(() => this.onWake());
  }

  /** The next delivery of every destination that `enter` lets in, until nobody gets in any more. */
  *take(enter: (destination: string) => boolean): Generator<HandedOff> {
    for (const [destination, queue] of this.queues) {
      while (queue.length > 0 && enter(destination)) {
        this.taken -= 1;
        yield queue.shift()!;
      }
      if (queue.length === 0) this.queues.delete(destination);
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

  private queue(destination: string): HandedOff[] {
    const found = this.queues.get(destination) ?? [];
    this.queues.set(destination, found);
    return found;
  }
}
