import type { SeededRandom } from '@tallystick/outbox/testing';
import type { Script } from '../rig';

/** Purchases that one command records, all with the same fate. */
export interface Order {
  readonly amount: number;
  readonly count: number;
  /** How many of them share a transaction. */
  readonly perTransaction: number;
  readonly script: Script;
  /** The buyer changes their mind at once: the cancel races with the verdict. */
  readonly cancel?: true;
}

type Fate = Pick<Order, 'script' | 'cancel'>;

const BATCH = 10;
const MAX_AMOUNT = 50;

/** Out of a hundred. The rest is accepted at once. */
const FATES: readonly { readonly share: number; readonly fate: Fate }[] = [
  { share: 10, fate: { script: { reject: 'OUT_OF_STOCK' } } },
  { share: 1, fate: { script: { poison: 'invalid-payload' } } },
  { share: 1, fate: { script: { poison: 'unknown-type' } } },
  { share: 3, fate: { script: { failTimes: 2 } } },
  { share: 2, fate: { script: { acceptFailTimes: 1 } } },
  { share: 1, fate: { script: { reject: 'OUT_OF_STOCK', compensateFailTimes: 1 } } },
  { share: 2, fate: { script: { delayMs: 200 } } },
  { share: 5, fate: { script: { noFollowUp: true } } },
  { share: 2, fate: { script: { delayMs: 50 }, cancel: true } },
];

/** A shuffled deck: the shares are exact, the order is the seed's. */
export function orders(messages: number, random: SeededRandom): Order[] {
  const fates = FATES.flatMap(({ share, fate }) => splitUp(Math.max(1, Math.round((messages * share) / 100)), fate));
  const left = messages - fates.reduce((sum, { count }) => sum + count, 0);
  const deck = [...fates, ...splitUp(left, { script: {} })];
  for (let last = deck.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [deck[last], deck[other]] = [deck[other]!, deck[last]!];
  }
  return deck.map((order) => ({
    ...order,
    amount: 1 + random.below(MAX_AMOUNT),
    perTransaction: 1 + random.below(order.count),
  }));
}

function splitUp(count: number, fate: Fate): (Fate & { count: number })[] {
  const parts: (Fate & { count: number })[] = [];
  for (let left = count; left > 0; left -= BATCH) parts.push({ ...fate, count: Math.min(BATCH, left) });
  return parts;
}
