import { testDatabase } from '@tallystick/services';
import { newOrder } from '../business/load';
import { INSERT_ORDER, INSERT_PURCHASE, ORDERS_SCHEMA, USERS_SCHEMA } from '../business/sql';
import { withClient } from '../harness/stage';
import { everyPurchaseArrived } from './arrived';

describe('what was measured', () => {
  let users: string;
  let orders: string;

  beforeAll(async () => {
    [users, orders] = [await testDatabase('arrived'), await testDatabase('arrived')];
    await execute(users, USERS_SCHEMA);
    await execute(orders, ORDERS_SCHEMA);
  });

  function execute(url: string, sql: string, values?: unknown[]): Promise<unknown> {
    return withClient(url, (client) => client.query(sql, values));
  }

  async function add({ purchase, order }: { purchase: boolean; order: boolean }): Promise<void> {
    const { purchaseId, userId, sku, quantity, amount } = newOrder(1);
    if (purchase) await execute(users, INSERT_PURCHASE, [purchaseId, userId, amount]);
    if (order) await execute(orders, INSERT_ORDER, [purchaseId, userId, sku, quantity, amount]);
  }

  it('counts only if every purchase has its order, and every order its purchase', async () => {
    await expect(everyPurchaseArrived(users, orders)).rejects.toThrow('of 0 purchases');
    await add({ purchase: true, order: true });
    await everyPurchaseArrived(users, orders);
    await add({ purchase: true, order: false });
    await expect(everyPurchaseArrived(users, orders)).rejects.toThrow('of 2 purchases 1 have no order, and 0 orders');
    await add({ purchase: false, order: true });
    await expect(everyPurchaseArrived(users, orders)).rejects.toThrow('1 have no order, and 1 orders have no purchase');
  });
});
