import type { Waits } from './delivery';

/** A wait that doubles from `firstMs` up to `maxMs`. */
export interface Doubling {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** `firstMs · 2^(attempt − 1)`, capped. `attempt` is 1-based. */
export function doubled({ firstMs, maxMs }: Doubling, attempt: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(Math.max(attempt - 1, 0), 52));
}

/**
 * Waits for the relay. Back-off has *full jitter* (uniform between 0 and the doubled wait, at least 1 ms), which spreads
 * the retries of an outage best: Marc Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015. A receipt
 * wait is not jittered downwards: asking early costs a copy.
 * @param random uniform in [0, 1)
 */
export function waits(backoff: Doubling, receiptWait: Doubling, random: () => number): Waits {
  return {
    backoff: (attempt) => Math.max(1, Math.round(random() * doubled(backoff, attempt))),
    receipt: (attempt) => Math.round(doubled(receiptWait, attempt) * (1 + 0.1 * random())),
  };
}
