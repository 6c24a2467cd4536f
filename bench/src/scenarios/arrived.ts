import { asking } from '../engines/engine';

/**
 * What was measured counts only if the work was done: one order for every purchase, and none besides.
 * @throws Error saying how many are missing or unasked for
 */
export async function everyPurchaseArrived(usersUrl: string, ordersUrl: string): Promise<void> {
  const [purchases, orders] = await Promise.all([idsOf(usersUrl, 'purchase'), idsOf(ordersUrl, 'orders')]);
  const without = (ids: ReadonlySet<string>, others: ReadonlySet<string>): number =>
    [...ids].filter((id) => !others.has(id)).length;
  const [missing, unasked] = [without(purchases, orders), without(orders, purchases)];
  if (missing + unasked === 0 && purchases.size > 0) return;
  throw new Error(`of ${purchases.size} purchases ${missing} have no order, and ${unasked} orders have no purchase`);
}

async function idsOf(url: string, table: 'purchase' | 'orders'): Promise<ReadonlySet<string>> {
  return asking(url, async (ask) => {
    const rows = await ask<{ id: string }>(`select id from ${table} -- bench`);
    return new Set(rows.map(({ id }) => id));
  });
}
