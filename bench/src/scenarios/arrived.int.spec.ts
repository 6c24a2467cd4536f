import { connectDatabase, type DatabaseClient, testDatabase } from '@tallystick/services';
import { newOrder } from '../business/load';
import { ordersSchema, usersSchema } from '../business/sql';
import { everyPurchaseArrived } from './arrived';
import { createTables } from './databases';

describe('what was measured', () => {
  let users: string;
  let orders: string;
  const clients: DatabaseClient[] = [];

  beforeAll(async () => {
    [users, orders] = [await testDatabase('arrived'), await testDatabase('arrived')];
    await createTables(users, usersSchema('postgres'));
    await createTables(orders, ordersSchema('postgres'));
    for (const url of [users, orders]) clients.push(await connectDatabase(url));
  });
  afterAll(() => Promise.all(clients.map((client) => client.end())));

  async function add({ purchase, order }: { purchase: boolean; order: boolean }): Promise<void> {
    const { purchaseId, userId, sku, quantity, amount } = newOrder(1);
    const [atUsers, atOrders] = clients as [DatabaseClient, DatabaseClient];
    if (purchase)
      await atUsers.ask('insert into purchase (id, user_id, amount) values (?, ?, ?)', [purchaseId, userId, amount]);
    if (order)
      await atOrders.ask('insert into orders values (?, ?, ?, ?, ?)', [purchaseId, userId, sku, quantity, amount]);
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
