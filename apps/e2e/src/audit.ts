import { type Ask, connectDatabase } from '@tallystick/services';

export interface AuditOptions {
  databaseUrls: { user: string; order: string };
  /** Everything that was ever paid in, in cents. */
  deposited?: number;
  /** Everything that was ever put into the stock, in pieces. */
  stocked?: number;
  /** Must everything have come to its end? @default true */
  settled?: boolean;
}

/**
 * Asks both databases, in SQL and without a line of the services or the library, whether the promise held.
 * @returns what is wrong, one sentence each; nothing if nothing is
 */
export async function audit({ databaseUrls, deposited, stocked, settled = true }: AuditOptions): Promise<string[]> {
  // One after the other: what the first look saw completed must be there in the second, also while work goes on.
  const user = await read(databaseUrls.user, userSide);
  const order = await read(databaseUrls.order, orderSide);
  const problems: string[] = [];
  const claim = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };

  const paid = sum(user.purchases, ({ status, amount }) => (status === 'refunded' ? 0 : amount));
  if (deposited !== undefined) {
    claim(user.balance + paid === deposited, `${deposited} deposited, but ${user.balance} left and ${paid} paid`);
  }
  const ordered = sum(order.orders, ({ quantity }) => quantity);
  if (stocked !== undefined) {
    claim(order.stock + ordered === stocked, `${stocked} stocked, but ${order.stock} left and ${ordered} ordered`);
  }

  const orders = new Map(order.orders.map((each) => [each.id, each]));
  for (const purchase of user.purchases) {
    const { id, status } = purchase;
    const counterpart = orders.get(id);
    orders.delete(id);
    if (status === 'completed') claim(counterpart !== undefined, `purchase ${id} is completed without an order`);
    if (status === 'refunded') claim(counterpart === undefined, `purchase ${id} is refunded but has an order`);
    if (settled) claim(status !== 'pending', `purchase ${id} is still pending`);
    if (counterpart) claim(same(purchase, counterpart), `order ${id} differs from its purchase`);
    claim(user.messages.delete(purchase.messageId), `purchase ${id} has no message of its own`);
  }
  if (settled) for (const id of orders.keys()) problems.push(`order ${id} has no purchase`);
  for (const id of user.messages) problems.push(`message ${id} has no purchase`);
  for (const id of user.contradictions) problems.push(`the delivery of message ${id} and its purchase disagree`);
  if (settled) for (const id of user.open) problems.push(`the delivery of message ${id} is not settled`);
  const accepted = order.verdicts.get('accepted') ?? 0;
  claim(accepted === order.orders.length, `${accepted} messages accepted, but ${order.orders.length} orders`);
  return problems;
}

interface Bought {
  readonly id: string;
  readonly userId: string;
  readonly sku: string;
  readonly quantity: number;
  readonly amount: number;
}

/** As it arrives from a database of either kind. */
interface Row {
  readonly id: string;
  readonly user_id: string;
  readonly sku: string;
  readonly quantity: number;
  readonly amount: string;
}

function boughtOf({ id, user_id: userId, sku, quantity, amount }: Row): Bought {
  return { id, userId, sku, quantity, amount: Number(amount) };
}

async function userSide(ask: Ask) {
  const rows = await ask<Row & { status: string; message_id: string }>(
    'select id, user_id, sku, quantity, amount, status, message_id from purchases',
  );
  const purchases = rows.map((row) => ({ ...boughtOf(row), status: row.status, messageId: row.message_id }));
  const [balance] = await column(ask, 'select coalesce(sum(balance), 0) as value from users');
  const messages = await column(ask, 'select id as value from outbox_message');
  const open = await column(ask, 'select message_id as value from outbox_delivery where settled_at is null');
  const contradictions = await column(
    ask,
    `select d.message_id as value
       from outbox_delivery d
       join purchases p on p.message_id = d.message_id
      where (d.state = 'completed') <> (p.status = 'completed')
         or (d.state = 'compensated') <> (p.status = 'refunded')`,
  );
  return { purchases, balance: Number(balance), messages: new Set(messages), open, contradictions };
}

async function orderSide(ask: Ask) {
  const orders = await ask<Row>('select id, user_id, sku, quantity, amount from orders');
  const [stock] = await column(ask, 'select coalesce(sum(quantity), 0) as value from stock');
  const verdicts = await ask<{ verdict: string; number: string }>(
    'select verdict, count(*) as number from inbox_message group by verdict',
  );
  return {
    orders: orders.map(boughtOf),
    stock: Number(stock),
    verdicts: new Map(verdicts.map(({ verdict, number }) => [verdict, Number(number)])),
  };
}

/** One snapshot, so that a purchase in progress is seen on both sides of its transaction or on none. */
async function read<T>(url: string, look: (ask: Ask) => Promise<T>): Promise<T> {
  const client = await connectDatabase(url, 'audit');
  try {
    return await client.atOneMoment(look);
  } finally {
    await client.end();
  }
}

/** The column that the statement calls `value`. */
async function column(ask: Ask, sql: string): Promise<string[]> {
  return (await ask<{ value: string }>(sql)).map(({ value }) => value);
}

function same(purchase: Bought, order: Bought): boolean {
  const keys: (keyof Bought)[] = ['userId', 'sku', 'quantity', 'amount'];
  return keys.every((key) => purchase[key] === order[key]);
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
