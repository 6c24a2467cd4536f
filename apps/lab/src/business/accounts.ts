import type { Sql } from '../service/database';
import { type PurchaseRequest, Rejected } from './purchase';

/** The business of user-service. Each of these is a statement of somebody's transaction. */

/** Takes the money. One conditional update: nobody spends what is not there. */
export async function debit(tx: Sql, { customerId, amount }: PurchaseRequest): Promise<void> {
  const sql = 'update account set balance = balance - $2 where customer_id = $1 and balance >= $2';
  if ((await tx.query(sql, [customerId, amount])).rowCount !== 1) throw new Rejected('NO_MONEY');
}

export async function refund(tx: Sql, { customerId, amount }: PurchaseRequest): Promise<void> {
  await tx.query('update account set balance = balance + $2 where customer_id = $1', [customerId, amount]);
}

/** What the shopper sees of it. */
export async function recordPurchase(
  tx: Sql,
  request: PurchaseRequest,
  status: 'pending' | 'completed',
): Promise<void> {
  const { purchaseId, customerId, sku, amount } = request;
  const sql = 'insert into purchase (id, customer_id, sku, amount, status) values ($1, $2, $3, $4, $5)';
  await tx.query(sql, [purchaseId, customerId, sku, amount, status]);
}

/** @returns whether it was still pending: the first one to say how it ended wins */
export async function settle(tx: Sql, purchaseId: string, status: 'completed' | 'rejected'): Promise<boolean> {
  const sql = `update purchase set status = $2 where id = $1 and status = 'pending'`;
  return (await tx.query(sql, [purchaseId, status])).rowCount === 1;
}
