import { PIECES, BALANCE, shelfOf, type World } from '../world/world';
import type { Ending } from '../protocols/protocol';

/** What both databases say about one customer and their shelf, in numbers that anybody can add up. */
export interface Books {
  /** In cents. */
  readonly balance: number;
  /** Money that is reserved, where a protocol has that. */
  readonly frozen: number;
  /** The sum of the orders that stand. */
  readonly ordered: number;
  /** Balance, frozen and ordered against what there was: negative, and money is gone. In cents. */
  readonly money: number;
  /** Pieces on the shelf, reserved and ordered against what there was. */
  readonly pieces: number;
  /** Begun and not ended: purchases and orders that are pending, pieces and money that are held, prepared transactions. */
  readonly halfDone: number;
}

/** A column that only some protocols have. */
const optional = (row: string, column: string, otherwise: string): string =>
  `coalesce(to_jsonb(${row}) ->> '${column}', '${otherwise}')`;
const PREPARED = '(select count(*)::int from pg_prepared_xacts where database = current_database())';

const USER_SQL = `
  select balance::float8, ${optional('a', 'frozen', '0')}::float8 as frozen, ${PREPARED} as prepared,
    (select count(*)::int from purchase p where p.customer_id = a.customer_id and status = 'pending') as pending
  from account a where customer_id = $1 -- lab`;
const ORDER_SQL = `
  select quantity, ${optional('s', 'reserved', '0')}::int as reserved, ${PREPARED} as prepared,
    (select coalesce(sum(amount), 0)::float8 from orders o
      where customer_id = $1 and ${optional('o', 'status', 'confirmed')} = 'confirmed') as ordered,
    (select count(*)::int from orders o
      where customer_id = $1 and ${optional('o', 'status', 'confirmed')} = 'confirmed') as sold,
    (select count(*)::int from orders o
      where customer_id = $1 and ${optional('o', 'status', 'confirmed')} not in ('confirmed', 'cancelled', 'closed')) as pending
  from stock s where sku = $2 -- lab`;

interface UserRow {
  readonly balance: number;
  readonly frozen: number;
  readonly prepared: number;
  readonly pending: number;
}

interface OrderRow {
  readonly quantity: number;
  readonly reserved: number;
  readonly prepared: number;
  readonly ordered: number;
  readonly sold: number;
  readonly pending: number;
}

/**
 * Asks one database after the other: there is no moment that both share, which is the whole problem. So a purchase that is
 * under way may look half done when it is; when nothing moves any more, the books are exact.
 */
export async function readBooks({ databases }: Pick<World, 'databases'>, customerId: number): Promise<Books> {
  const user = (await databases.user.query<UserRow>(USER_SQL, [customerId])).rows[0]!;
  const order = (await databases.order.query<OrderRow>(ORDER_SQL, [customerId, shelfOf(customerId)])).rows[0]!;
  const { balance, frozen } = user;
  const { ordered, quantity, reserved, sold } = order;
  return {
    balance,
    frozen,
    ordered,
    money: balance + frozen + ordered - BALANCE,
    pieces: quantity + reserved + sold - PIECES,
    halfDone:
      user.pending + user.prepared + order.pending + order.prepared + Math.abs(reserved) + (frozen === 0 ? 0 : 1),
  };
}

/** Nothing moves any more: what is left? */
export function endingOf({ money, pieces, halfDone }: Books): Ending {
  if (money < 0) return 'money lost';
  if (money > 0) return 'money made';
  return halfDone > 0 || pieces !== 0 ? 'stuck' : 'consistent';
}
