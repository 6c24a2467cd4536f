import { Client } from 'pg';

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

async function userSide(client: Client) {
  const { rows: purchases } = await client.query<Bought & { status: string; messageId: string }>(
    `select id, user_id as "userId", sku, quantity, amount::float8, status, message_id as "messageId" from purchases`,
  );
  const balance = await one<number>(client, 'select coalesce(sum(balance), 0)::float8 from users');
  const messages = await column<string>(client, 'select id from outbox_message');
  const open = await column<string>(client, 'select message_id from outbox_delivery where settled_at is null');
  const contradictions = await column<string>(
    client,
    `select d.message_id
       from outbox_delivery d
       join purchases p on p.message_id = d.message_id
      where (d.state = 'completed') <> (p.status = 'completed')
         or (d.state = 'compensated') <> (p.status = 'refunded')`,
  );
  return { purchases, balance, messages: new Set(messages), open, contradictions };
}

async function orderSide(client: Client) {
  const { rows: orders } = await client.query<Bought>(
    `select id, user_id as "userId", sku, quantity, amount::float8 from orders`,
  );
  const stock = await one<number>(client, 'select coalesce(sum(quantity), 0)::float8 from stock');
  const { rows: verdicts } = await client.query<{ verdict: string; count: number }>(
    'select verdict, count(*)::integer as count from inbox_message group by verdict',
  );
  return { orders, stock, verdicts: new Map(verdicts.map(({ verdict, count }) => [verdict, count])) };
}

/** One snapshot, so that a purchase in progress is seen on both sides of its transaction or on none. */
async function read<T>(url: string, look: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, application_name: 'audit' });
  await client.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    return await look(client);
  } finally {
    await client.end();
  }
}

async function column<T>(client: Client, sql: string): Promise<T[]> {
  const { rows } = await client.query<T[]>({ text: sql, rowMode: 'array' });
  return rows.map(([value]) => value!);
}

async function one<T>(client: Client, sql: string): Promise<T> {
  const [value] = await column<T>(client, sql);
  return value!;
}

function same(purchase: Bought, order: Bought): boolean {
  const keys: (keyof Bought)[] = ['userId', 'sku', 'quantity', 'amount'];
  return keys.every((key) => purchase[key] === order[key]);
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
