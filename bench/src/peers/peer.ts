import type { Pool, PoolClient } from 'pg';
import type { OrderRequested } from '../business/order-requested';
import { BUSINESS, type Statement } from '../business/sql';

export interface PeerSideOptions {
  /** Where the packages are. */
  readonly packages: string;
  readonly usersUrl: string;
  readonly ordersUrl: string;
  readonly amqpUrl: string;
}

/** Sells: debits and asks for the order in one transaction. */
export interface Seller {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Resolves with the id that the order's side will report when the purchase is committed. */
  purchase(order: OrderRequested): Promise<string>;
}

/** Connections of a seller's pool, and of the pool that creates orders: as the library's. */
export const POOL_SIZE = 16;

/** Twice the same job is one order: these deliver at least once, and what they deliver is not atomic with the order. */
export function insertOrderOnce(order: OrderRequested): Statement {
  const { text, values } = BUSINESS.postgres.insertOrder(order);
  return { text: `${text} on conflict do nothing`, values };
}

/** The business transaction of every peer, by prepared statements; `ask` is the peer's part of it. */
export async function sell(
  pool: Pool,
  order: OrderRequested,
  ask: (client: PoolClient) => Promise<unknown>,
): Promise<string> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query({ name: 'debit', ...BUSINESS.postgres.debit(order.userId, order.amount) });
    await client.query({ name: 'purchase', ...BUSINESS.postgres.insertPurchase(order) });
    await ask(client);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
  return order.purchaseId;
}
