import { type Ask, connectDatabase, marks } from '@tallystick/services';
import type { Finding } from './finding';

export type { Ask } from '@tallystick/services';

/** What both databases say of some users. */
interface Books {
  readonly deposits: readonly number[];
  readonly balances: readonly { readonly balance: number }[];
  readonly purchases: readonly PurchaseRow[];
  readonly messages: readonly { readonly id: string }[];
  readonly orders: readonly OrderRow[];
}

interface OrderRow {
  readonly id: string;
  readonly content: string;
}

interface PurchaseRow extends OrderRow {
  readonly status: string;
  readonly amount: number;
  readonly messageId: string;
  /** Of the delivery of its message; null if there is none. */
  readonly delivery: string | null;
  readonly settled: boolean;
}

/** What both databases have of an order, as it arrives. */
interface Ordered {
  readonly id: string;
  readonly user_id: string;
  readonly sku: string;
  readonly quantity: number;
  readonly amount: string;
}

interface Purchased extends Ordered {
  readonly status: string;
  readonly message_id: string;
  readonly state: string | null;
  readonly settled_at: unknown;
}

/** Before the id of every message. */
const ANY_TIME = '00000000-0000-0000-0000-000000000000';

/**
 * Asks both databases whether the promise was kept: plain SQL, not a line of the services or of the library.
 * @param deposits who was given how much; only what these users did is looked at
 */
export async function checkInvariants(
  databases: { user: string; order: string },
  deposits: ReadonlyMap<string, number>,
): Promise<Finding[]> {
  const user = await connectDatabase(databases.user, 'tallystick-demo');
  const order = await connectDatabase(databases.order, 'tallystick-demo');
  const books = await readBooks(user.ask, order.ask, deposits).finally(() => Promise.all([user.end(), order.end()]));
  return [moneyIsConserved(books), oneMessageEach(books), oneOrderEach(books), nothingOpen(books)];
}

/**
 * What holds at every moment, also while messages are on their way.
 * @param asks `user` sees one moment, as one transaction does; `userNow` sees what has come since
 * @param since an id that no message of these users is smaller than
 */
export async function checkWhileRunning(
  asks: { readonly user: Ask; readonly order: Ask; readonly userNow: Ask },
  deposits: ReadonlyMap<string, number>,
  since: string,
): Promise<Finding[]> {
  const books = await readBooks(asks.user, asks.order, deposits, since);
  const known = new Set(books.purchases.map(({ id }) => id));
  const unknown = books.orders.map(({ id }) => id).filter((id) => !known.has(id));
  const later =
    unknown.length === 0
      ? []
      : await asks.userNow<{ id: string }>(`select id from purchases where id in (${marks(unknown)})`, unknown);
  const orders = oneOrderEachSoFar(books, new Set(later.map(({ id }) => id)));
  return [moneyIsConserved(books), oneMessageEach(books), orders, endedAlike(books)];
}

/** First the purchases, then the orders: so each order that is missing is missing, and not only late. */
async function readBooks(
  user: Ask,
  order: Ask,
  deposits: ReadonlyMap<string, number>,
  since = ANY_TIME,
): Promise<Books> {
  const users = [...deposits.keys()];
  const ofThem = `(${marks(users)})`;
  const balances = await user<{ balance: string }>(`select balance from users where id in ${ofThem}`, users);
  const purchases = await user<Purchased>(
    `select p.id, p.user_id, p.sku, p.quantity, p.amount, p.status, p.message_id, d.state, d.settled_at
       from purchases p
       left join outbox_delivery d on d.message_id = p.message_id
      where p.user_id in ${ofThem}`,
    users,
  );
  // The key of this message is the user.
  const messages = await user<{ id: string }>(
    `select id from outbox_message where id >= ? and aggregateid in ${ofThem}`,
    [since, ...users],
  );
  const orders = await order<Ordered>(
    `select id, user_id, sku, quantity, amount from orders where user_id in ${ofThem}`,
    users,
  );
  return {
    deposits: [...deposits.values()],
    balances: balances.map(({ balance }) => ({ balance: Number(balance) })),
    purchases: purchases.map((row) => ({
      id: row.id,
      content: contentOf(row),
      status: row.status,
      amount: Number(row.amount),
      messageId: row.message_id,
      delivery: row.state,
      settled: row.settled_at !== null,
    })),
    messages,
    orders: orders.map((row) => ({ id: row.id, content: contentOf(row) })),
  };
}

function moneyIsConserved({ deposits, balances, purchases }: Books): Finding {
  const deposited = sum(deposits);
  const left = sum(balances.map(({ balance }) => balance));
  const paid = sum(purchases.filter(({ status }) => status !== 'refunded').map(({ amount }) => amount));
  return { claim: 'money', holds: deposited === left + paid, deposited, left, paid };
}

function oneMessageEach({ purchases, messages }: Books): Finding {
  const asText = (ids: string[]): string => ids.sort().join();
  const holds = asText(purchases.map(({ messageId }) => messageId)) === asText(messages.map(({ id }) => id));
  return { claim: 'message', holds, purchases: purchases.length, messages: messages.length };
}

function oneOrderEach({ purchases, orders }: Books): Finding {
  const completed = purchases.filter(({ status }) => status === 'completed');
  const asText = (rows: readonly OrderRow[]): string =>
    rows
      .map(({ id, content }) => `${id} ${content}`)
      .sort()
      .join('\n');
  const holds = asText(completed) === asText(orders);
  return { claim: 'order', holds, completed: completed.length, orders: orders.length };
}

/**
 * A completed purchase has its order, read after it; an order has its purchase, and the money for it was not given back.
 * @param later purchases that came while the orders were read
 */
function oneOrderEachSoFar({ purchases, orders }: Books, later: ReadonlySet<string>): Finding {
  const bought = new Map(purchases.map((purchase) => [purchase.id, purchase]));
  const ordered = new Set(orders.map(({ id }) => id));
  const completed = purchases.filter(({ status }) => status === 'completed');
  const rightful = ({ id, content }: OrderRow): boolean => {
    const purchase = bought.get(id);
    return purchase ? purchase.content === content && purchase.status !== 'refunded' : later.has(id);
  };
  const holds =
    completed.every(({ id }) => ordered.has(id)) && orders.every(rightful) && ordered.size === orders.length;
  return { claim: 'orderSoFar', holds, completed: completed.length, orders: orders.length };
}

function nothingOpen({ purchases }: Books): Finding {
  const holds = purchases.every((purchase) => purchase.settled && agrees(purchase));
  return { claim: 'open', holds, states: statesOf(purchases) };
}

function endedAlike({ purchases }: Books): Finding {
  const over = ({ settled, status }: PurchaseRow): boolean => settled || status !== 'pending';
  return { claim: 'ended', holds: purchases.filter(over).every(agrees), states: statesOf(purchases) };
}

function agrees({ status, delivery }: PurchaseRow): boolean {
  return (status === 'completed' && delivery === 'completed') || (status === 'refunded' && delivery === 'compensated');
}

function statesOf(purchases: readonly PurchaseRow[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { delivery } of purchases) counts[delivery ?? 'missing'] = (counts[delivery ?? 'missing'] ?? 0) + 1;
  return counts;
}

function contentOf({ user_id, sku, quantity, amount }: Ordered): string {
  return [user_id, sku, quantity, amount].join(' ');
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
