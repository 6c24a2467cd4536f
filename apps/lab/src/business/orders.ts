import type { Sql } from '../service/database';
import { type PurchaseRequest, Rejected } from './purchase';

/** The business of order-service. Each of these is a statement of somebody's transaction. */

/** Takes a piece out of the stock. One conditional update: the last piece is sold once. */
export async function takeStock(tx: Sql, { sku }: PurchaseRequest): Promise<void> {
  const sql = 'update stock set quantity = quantity - 1 where sku = $1 and quantity >= 1';
  if ((await tx.query(sql, [sku])).rowCount !== 1) throw new Rejected('OUT_OF_STOCK');
}

export async function insertOrder(tx: Sql, request: PurchaseRequest): Promise<void> {
  const { purchaseId, customerId, sku, amount } = request;
  const sql = 'insert into orders (id, customer_id, sku, amount) values ($1, $2, $3, $4)';
  await tx.query(sql, [purchaseId, customerId, sku, amount]);
}

export async function createOrder(tx: Sql, request: PurchaseRequest): Promise<void> {
  await takeStock(tx, request);
  await insertOrder(tx, request);
}
