import { Client } from 'pg';
import { money } from './stage';
import type { Texts } from './texts';

/** Something that must hold in the end, and what was found in the tables. */
export interface Finding {
  readonly claim: string;
  readonly holds: boolean;
  readonly evidence: string;
}

interface PurchaseRow {
  readonly id: string;
  readonly content: string;
  readonly status: string;
  readonly amount: number;
  readonly messageId: string;
  /** Of the delivery of its message; null if there is none. */
  readonly delivery: string | null;
  readonly settled: boolean;
}

/**
 * Asks both databases whether the promise was kept: plain SQL, not a line of the services or of the library.
 * @param deposits who was given how much; only what these users did is looked at
 * @param texts in which language it is told
 */
export async function checkInvariants(
  databases: { user: string; order: string },
  deposits: ReadonlyMap<string, number>,
  texts: Texts,
): Promise<Finding[]> {
  const says = texts.invariants;
  const users = [...deposits.keys()];
  const balances = await select<{ balance: number }>(
    databases.user,
    'select balance::float8 from users where id = any($1)',
    users,
  );
  const purchases = await select<PurchaseRow>(
    databases.user,
    `select p.id, concat_ws(' ', p.user_id, p.sku, p.quantity, p.amount) as content, p.status, p.amount::float8,
            p.message_id as "messageId", d.state as delivery, d.settled_at is not null as settled
       from purchases p
       left join outbox_delivery d on d.message_id = p.message_id
      where p.user_id = any($1)`,
    users,
  );
  const orders = await select<{ id: string; content: string }>(
    databases.order,
    `select id, concat_ws(' ', user_id, sku, quantity, amount) as content from orders where user_id = any($1)`,
    users,
  );
  const messages = await select<{ id: string }>(
    databases.user,
    `select id from outbox_message where payload ->> 'userId' = any($1)`,
    users,
  );
  return [
    moneyIsConserved([...deposits.values()], balances, purchases, says),
    oneMessageEach(purchases, messages, says),
    oneOrderEach(purchases, orders, says),
    nothingOpen(purchases, says),
  ];
}

type Says = Texts['invariants'];

function moneyIsConserved(
  deposits: number[],
  balances: { balance: number }[],
  purchases: PurchaseRow[],
  says: Says,
): Finding {
  const deposited = sum(deposits);
  const left = sum(balances.map(({ balance }) => balance));
  const paid = sum(purchases.filter(({ status }) => status !== 'refunded').map(({ amount }) => amount));
  return {
    claim: says.money,
    holds: deposited === left + paid,
    evidence: says.moneyFound(money(deposited), money(left), money(paid)),
  };
}

function oneMessageEach(purchases: PurchaseRow[], messages: { id: string }[], says: Says): Finding {
  const asText = (ids: string[]): string => ids.sort().join();
  return {
    claim: says.message,
    holds: asText(purchases.map(({ messageId }) => messageId)) === asText(messages.map(({ id }) => id)),
    evidence: says.messageFound(purchases.length, messages.length),
  };
}

function oneOrderEach(purchases: PurchaseRow[], orders: { id: string; content: string }[], says: Says): Finding {
  const completed = purchases.filter(({ status }) => status === 'completed');
  const asText = (rows: { id: string; content: string }[]): string =>
    rows
      .map(({ id, content }) => `${id} ${content}`)
      .sort()
      .join('\n');
  return {
    claim: says.order,
    holds: asText(completed) === asText(orders),
    evidence: says.orderFound(completed.length, orders.length),
  };
}

function nothingOpen(purchases: PurchaseRow[], says: Says): Finding {
  const agrees = ({ status, delivery }: PurchaseRow): boolean =>
    (status === 'completed' && delivery === 'completed') || (status === 'refunded' && delivery === 'compensated');
  const counts = new Map<string, number>();
  for (const { delivery } of purchases) counts.set(delivery ?? 'missing', (counts.get(delivery ?? 'missing') ?? 0) + 1);
  return {
    claim: says.open,
    holds: purchases.every((purchase) => purchase.settled && agrees(purchase)),
    evidence: [...counts].map(([state, count]) => `${count} ${state}`).join(', '),
  };
}

async function select<Row extends object>(url: string, sql: string, users: string[]): Promise<Row[]> {
  const client = new Client({ connectionString: url, application_name: 'tallystick-demo' });
  await client.connect();
  try {
    return (await client.query<Row>(sql, [users])).rows;
  } finally {
    await client.end();
  }
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
