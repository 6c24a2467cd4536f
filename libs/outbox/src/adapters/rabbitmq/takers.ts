import type { BundleOffer } from '../../message/envelope';
import type { Clock } from '../../ports/clock';
import { MAX_MEMBERS } from './bundle';

/** A consumer that wants bundles says so again with its receipts. One that was replaced by an older version does not. */
const REMEMBERED_MS = 600_000;
/** Consumers times types; more than any service has. */
const MOST_REMEMBERED = 1_000;

/** Which consumers take several messages of a type in one, and how many: what they said with their receipts. */
export class Takers {
  private readonly said = new Map<string, { readonly most: number; readonly until: number }>();

  constructor(private readonly clock: Clock) {}

  note(consumer: string, { type, most }: BundleOffer): void {
    const key = keyOf(consumer, type);
    this.said.delete(key); // so that it is remembered as the latest
    this.said.set(key, { most: Math.min(most, MAX_MEMBERS), until: this.clock.monotonic() + REMEMBERED_MS });
    if (this.said.size > MOST_REMEMBERED) this.said.delete(this.said.keys().next().value!);
  }

  /** How many go in one; 1 if it has not said that it takes more. */
  most(consumer: string, type: string): number {
    const said = this.said.get(keyOf(consumer, type));
    return said !== undefined && this.clock.monotonic() < said.until ? said.most : 1;
  }
}

function keyOf(consumer: string, type: string): string {
  return `${consumer}.${type}`; // no service has a dot in its name
}
