import type { BundleOffer } from '../../message/envelope';
import type { Clock } from '../../ports/clock';
import { MAX_MEMBERS } from './bundle';

/** A receiver that wants bundles says so again with its receipts. One that was replaced by an older version does not. */
const REMEMBERED_MS = 600_000;
/** Receivers times types; more than any service has. */
const MOST_REMEMBERED = 1_000;

/** Which receivers take several messages of a type in one, and how many: what they said with their receipts. */
export class Takers {
  private readonly said = new Map<string, { readonly most: number; readonly until: number }>();

  constructor(private readonly clock: Clock) {}

  note(receiver: string, { type, most }: BundleOffer): void {
    const key = keyOf(receiver, type);
    this.said.delete(key); // so that it is remembered as the latest
    this.said.set(key, { most: Math.min(most, MAX_MEMBERS), until: this.clock.monotonic() + REMEMBERED_MS });
    if (this.said.size > MOST_REMEMBERED) this.said.delete(this.said.keys().next().value!);
  }

  /** How many go in one; 1 if it has not said that it takes more. */
  most(receiver: string, type: string): number {
    const said = this.said.get(keyOf(receiver, type));
    return said !== undefined && this.clock.monotonic() < said.until ? said.most : 1;
  }
}

function keyOf(receiver: string, type: string): string {
  return `${receiver}.${type}`; // no service has a dot in its name
}
