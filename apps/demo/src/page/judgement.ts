import type { Evidence, PurchaseEvidence } from './evidence';
import type { ButtonName, Claim, ClaimName } from './page';

/** What was done at a press, and what both databases said of it. */
export interface Witness {
  /** Purchases that were asked for, each with a key of its own. */
  readonly asked: number;
  /** Cents that the customer had, and pieces that there were. */
  readonly deposited: number;
  readonly stocked: number;
  /** While it was as bad as it got. */
  readonly meanwhile?: Evidence;
  /** How many were bought in that time, and should have to wait. */
  readonly away?: number;
  /** What came through the queue, alone or several together, and the copies that were put beside it. */
  readonly copied?: { readonly deliveries: number; readonly copies: number };
  /** The purchases that were to be cancelled; those of them that had been completed before. */
  readonly cancelled?: readonly string[];
  readonly early?: readonly string[];
  readonly after: Evidence;
}

type Judge = (witness: Witness) => Omit<Claim, 'claim'>;

/** What each button announces. */
export const ANNOUNCED: Readonly<Record<ButtonName, readonly ClaimName[]>> = {
  buyOne: ['allCompleted', 'oneOrderEach', 'paidOnce', 'soldOnce'],
  buyHundred: ['allCompleted', 'oneOrderEach', 'paidOnce', 'soldOnce'],
  sellOut: ['shelfEmpty', 'restRefunded', 'oneOrderEach', 'paidOnce'],
  killOrder: ['waited', 'allCompleted', 'oneOrderEach', 'paidOnce', 'soldOnce'],
  killUser: ['oncePerKey', 'allCompleted', 'oneOrderEach', 'paidOnce', 'soldOnce'],
  stopBroker: ['waited', 'allCompleted', 'oneOrderEach', 'paidOnce', 'soldOnce'],
  loseReceipts: ['unheard', 'allCompleted', 'oneOrderEach', 'paidOnce', 'soldOnce'],
  threeTimes: ['copied', 'allCompleted', 'oneOrderEach', 'paidOnce', 'soldOnce'],
  slow: ['backlog', 'allCompleted', 'oneOrderEach', 'paidOnce', 'soldOnce'],
  pause: ['waited', 'allCompleted', 'oneOrderEach', 'paidOnce', 'soldOnce'],
  cancel: ['givenUp', 'tooLate', 'oneOrderEach', 'paidOnce', 'soldOnce'],
};

/** Did it come true? By the databases alone. */
export function judge(button: ButtonName, witness: Witness): Claim[] {
  return ANNOUNCED[button].map((claim) => ({ claim, ...JUDGES[claim](witness) }));
}

const JUDGES: Readonly<Record<ClaimName, Judge>> = {
  allCompleted: ({ asked, after: { purchases } }) => {
    const completed = purchases.filter(isCompleted).length;
    return { holds: completed === asked && purchases.length === asked, found: [completed, asked] };
  },

  oneOrderEach: ({ after: { purchases, orders, inbox } }) => {
    const accepted = inbox.filter(({ verdict }) => verdict === 'accepted');
    const completed = asText(purchases.filter(isCompleted));
    return { holds: completed === asText(orders) && completed === asText(accepted), found: [orders.length] };
  },

  paidOnce: ({ deposited, after: { balance, purchases } }) => {
    const price = sum(purchases.filter(isCompleted).map(({ amount }) => amount));
    return { holds: deposited - balance === price, found: [deposited - balance, price] };
  },

  soldOnce: ({ stocked, after: { left, orders } }) => {
    const ordered = sum(orders.map(({ quantity }) => quantity));
    return { holds: stocked - left === ordered, found: [stocked - left, ordered] };
  },

  shelfEmpty: ({ stocked, after: { left, purchases } }) => {
    const completed = purchases.filter(isCompleted).length;
    return { holds: left === 0 && completed === stocked, found: [completed, stocked] };
  },

  restRefunded: ({ asked, stocked, after: { purchases } }) => {
    const refunded = purchases.filter(refundedFor('OUT_OF_STOCK')).length;
    return { holds: refunded === asked - stocked, found: [refunded, asked - stocked] };
  },

  waited: ({ away = 0, meanwhile }) => {
    const waiting = undecided(meanwhile);
    return { holds: away > 0 && waiting >= away, found: [waiting, away] };
  },

  oncePerKey: ({ asked, after: { purchases } }) => ({
    holds: purchases.length === asked,
    found: [asked, purchases.length],
  }),

  unheard: ({ asked, meanwhile }) => {
    const [orders, completed] = [meanwhile?.orders.length ?? 0, meanwhile?.purchases.filter(isCompleted).length ?? 0];
    return { holds: orders === asked && completed === 0, found: [orders, completed] };
  },

  copied: ({ asked, copied: { deliveries, copies } = { deliveries: 0, copies: 0 }, after: { inbox } }) => ({
    holds: deliveries > 0 && copies === 2 * deliveries && inbox.length === asked,
    found: [copies, inbox.length],
  }),

  backlog: ({ asked, meanwhile }) => {
    const waiting = undecided(meanwhile);
    return { holds: meanwhile?.purchases.length === asked && waiting > 0, found: [asked, waiting] };
  },

  givenUp: ({ cancelled = [], early = [], after: { purchases, orders } }) => {
    const inTime = cancelled.filter((id) => !early.includes(id));
    const refunded = purchases.filter(refundedFor('CANCELLED')).map(({ id }) => id);
    const ordered = new Set(orders.map(({ id }) => id));
    const holds = inTime.length > 0 && inTime.every((id) => refunded.includes(id) && !ordered.has(id));
    return { holds, found: [refunded.length, inTime.length] };
  },

  tooLate: ({ early = [], after: { purchases } }) => {
    const kept = purchases.filter((purchase) => early.includes(purchase.id) && isCompleted(purchase)).length;
    return { holds: early.length > 0 && kept === early.length, found: [kept, early.length] };
  },
};

function isCompleted({ status, state }: PurchaseEvidence): boolean {
  return status === 'completed' && state === 'completed';
}

function refundedFor(why: string): (purchase: PurchaseEvidence) => boolean {
  return ({ status, state, reason }) => status === 'refunded' && state === 'compensated' && reason === why;
}

/** Paid for, and not yet decided by anybody. */
function undecided(evidence: Evidence | undefined): number {
  if (!evidence) return 0;
  const decided = new Set(evidence.inbox.map(({ id }) => id));
  return evidence.purchases.filter(({ id, status }) => status === 'pending' && !decided.has(id)).length;
}

function asText(rows: readonly { readonly id: string }[]): string {
  return rows
    .map(({ id }) => id)
    .sort()
    .join();
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
