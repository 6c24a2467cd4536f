import type { ClaimedDelivery } from '../message/delivery';

/**
 * The short way from a commit to the relay: the recording process owns the fresh rows' lease and publishes them from
 * memory, without a claim (R15). A promise of speed, never of delivery: whatever does not make it is found by the sweep
 * when its lease ends.
 */
export interface HandOff {
  /** Room for `count` deliveries, taken before their rows are inserted; undefined if there is none, or no relay here. */
  reserve(count: number): HandOffSlot | undefined;
  /** Rows became due without a hand-off: look soon. */
  wake(): void;
}

export interface HandOffSlot {
  readonly leaseToken: string;
  readonly leaseMs: number;
  /** After the acknowledged commit: publish these. */
  hand(deliveries: readonly ClaimedDelivery[]): void;
  /** Gives back what was not handed off. Harmless when called twice. */
  release(): void;
}
