import { marks } from '@tallystick/services';
import type { Ask } from '../invariants';
import type { Side } from './page';

/** What both databases hold of one customer, and of what he buys. */
export interface Evidence {
  readonly balance: number;
  /** Pieces on the shelf. */
  readonly left: number;
  readonly purchases: readonly PurchaseEvidence[];
  readonly orders: readonly OrderEvidence[];
  readonly inbox: readonly InboxEvidence[];
}

export interface PurchaseEvidence {
  readonly id: string;
  readonly amount: number;
  readonly status: string;
  readonly reason: string | null;
  /** Of its delivery. */
  readonly state: string | null;
  readonly code: string | null;
}

export interface OrderEvidence {
  readonly id: string;
  readonly quantity: number;
  readonly amount: number;
}

export interface InboxEvidence {
  readonly id: string;
  readonly verdict: string;
}

/** Plain SQL, so that a learner can type the same. First what was decided, then what is known of it. */
export async function readEvidence(
  asks: Readonly<Record<Side, Ask>>,
  { userId, sku }: { userId: string; sku: string },
): Promise<Evidence> {
  const orders = await asks.order<OrderEvidence>(
    'select id, quantity, amount from orders where user_id = ? order by id',
    [userId],
  );
  const [shelf] = await asks.order<{ quantity: number }>('select quantity from stock where sku = ?', [sku]);
  const purchases = await asks.user<PurchaseEvidence>(
    `select p.id, p.amount, p.status, p.reason, d.state, d.code
       from purchases p
       left join outbox_delivery d on d.message_id = p.message_id
      where p.user_id = ?
      order by p.id`,
    [userId],
  );
  const [account] = await asks.user<{ balance: unknown }>('select balance from users where id = ?', [userId]);
  const ids = purchases.map(({ id }) => id);
  const inbox = await asks.order<InboxEvidence>(
    `select message_id as id, verdict from inbox_message where message_id in (${marks(ids)}) order by message_id`,
    ids,
  );
  return {
    balance: Number(account?.balance ?? 0),
    left: shelf?.quantity ?? 0,
    purchases: purchases.map(withNumber),
    orders: orders.map(withNumber),
    inbox,
  };
}

/** A `bigint` arrives as text. */
function withNumber<T extends { readonly amount: number }>(row: T): T {
  return { ...row, amount: Number(row.amount) };
}
