import type { OrderRequested } from '../business/order-requested';
import { engineOf } from '../engines/engine';
import { MariaDbOrders, MariaDbUsers } from './mariadb-tables';
import { PostgresOrders, PostgresUsers } from './postgres-tables';

/** A row that is due. */
export interface Due {
  readonly id: string;
  readonly type: string;
  readonly payload: string;
}

/** How far a message is. */
export type Mark = 'sent' | 'completed';

/** The hand-written producer's tables. */
export interface UsersTables {
  /** The business and the message, in one transaction. Whoever calls sends it at once; 30 s later it is due. */
  purchase(order: OrderRequested, id: string, payload: string): Promise<void>;
  mark(mark: Mark, id: string): Promise<void>;
  /** In one statement. */
  markMany(mark: Mark, ids: readonly string[]): Promise<void>;
  /** Up to 500 that are due and that nobody else has; for the next 30 s they are not. */
  claim(): Promise<readonly Due[]>;
  /** The first that is not completed. */
  first(): Promise<Due | undefined>;
  end(): Promise<void>;
}

/** The hand-written consumer's tables. */
export interface OrdersTables {
  /** The order and the id of its message, in one transaction; nothing, if the message was there. */
  create(id: string, order: OrderRequested): Promise<void>;
  /** The same of many, in one transaction. */
  createMany(orders: ReadonlyMap<string, OrderRequested>): Promise<void>;
  end(): Promise<void>;
}

export function usersTables(databaseUrl: string, poolSize: number): UsersTables {
  return new { postgres: PostgresUsers, mariadb: MariaDbUsers }[engineOf(databaseUrl)](databaseUrl, poolSize);
}

export function ordersTables(databaseUrl: string, poolSize: number): OrdersTables {
  return new { postgres: PostgresOrders, mariadb: MariaDbOrders }[engineOf(databaseUrl)](databaseUrl, poolSize);
}
