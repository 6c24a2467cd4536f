import { AsyncLocalStorage } from 'node:async_hooks';
import type { ClaimedDelivery } from '../message/delivery';
import type { Clock, Random } from '../ports/clock';
import type { HandOff, HandOffSlot } from '../ports/hand-off';
import type { HandOffBuffer } from './hand-off-buffer';

/** The relay of this process, as far as it takes what is handed off. */
export interface HandOffTaker {
  /** Nothing is handed off while nothing could be published. */
  ready(): boolean;
  /** There is something in the buffer. */
  takeHandedOff(): void;
  /** Gives leases back that came too late. */
  release(deliveries: readonly ClaimedDelivery[]): void;
  /** Something is due. */
  wake(): void;
}

export interface RelayHandOffParts {
  readonly buffer: HandOffBuffer;
  readonly relay: HandOffTaker;
  readonly clock: Clock;
  readonly random: Random;
}

/** The hand-off to the relay of this process: commits put into its buffer, and tell it. */
export class RelayHandOff implements HandOff {
  /**
   * Here the caller's work ends and the library's begins: what follows does not belong to his request, and must not see
   * what he keeps in AsyncLocalStorage (his tenant, his user, his transaction).
   */
  private readonly inOwnContext = AsyncLocalStorage.snapshot();

  constructor(
    private readonly parts: RelayHandOffParts,
    private readonly settings: { readonly leaseMs: number; readonly publishTimeoutMs: number },
  ) {}

  reserve(count: number): HandOffSlot | undefined {
    const { buffer, relay, clock, random } = this.parts;
    if (!relay.ready() || !buffer.reserve(count)) return undefined;
    let held = count;
    const { leaseMs, publishTimeoutMs } = this.settings;
    // R16: the lease starts in the database, a little after this moment.
    const publishBefore = clock.monotonic() + leaseMs - publishTimeoutMs;
    return {
      leaseToken: random.token(),
      leaseMs,
      hand: (deliveries) =>
        this.inOwnContext(() => {
          if (!buffer.put(deliveries.map((delivery) => ({ delivery, publishBefore })))) {
            relay.release(deliveries);
            return;
          }
          held -= deliveries.length;
          relay.takeHandedOff();
        }),
      release: () => {
        buffer.giveBack(held);
        held = 0;
      },
    };
  }

  wake(): void {
    this.inOwnContext(() => this.parts.relay.wake());
  }
}
