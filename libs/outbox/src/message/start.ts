import { CODES, heldFor } from './rules';

/** As much of a new message as decides how its deliveries start. */
interface Beginning {
  /** Set if the process that records it will send it itself, right after the commit. */
  readonly lease: { readonly token: string; readonly leaseMs: number } | undefined;
  /** Whether it is held until somebody sees that it is its turn. */
  readonly waitsItsTurn?: boolean;
  readonly delayMs: number;
  readonly deadlineMs: number | undefined;
  readonly giveUpAfterMs: number;
}

/** What a delivery has when it is recorded; times in milliseconds from then. */
interface Start {
  readonly attempts: number;
  readonly leaseToken: string | undefined;
  readonly waitMs: number;
  readonly deadlineMs: number | undefined;
  /** Undefined: its budget starts with its first attempt. */
  readonly giveUpMs: number | undefined;
}

/** Handed off (R15) and leased, held, or due after its delay; never past its deadline. The budget starts when it may be sent. */
export function startOf({ lease, waitsItsTurn, delayMs, deadlineMs, giveUpAfterMs }: Beginning): Start {
  if (lease)
    return { attempts: 1, leaseToken: lease.token, waitMs: lease.leaseMs, deadlineMs, giveUpMs: giveUpAfterMs };
  const waits = { attempts: 0, leaseToken: undefined, deadlineMs };
  const latest = deadlineMs ?? Infinity;
  if (waitsItsTurn) return { ...waits, waitMs: Math.min(heldFor(CODES.waitsItsTurn, 0), latest), giveUpMs: undefined };
  return { ...waits, waitMs: Math.min(delayMs, latest), giveUpMs: delayMs + giveUpAfterMs };
}

/** What is in order with each other, besides the consumer: what one service records with one key. */
export function orderKeyOf({ source, key }: { source: string; key: string | undefined }): string {
  return `${source} ${key}`;
}
