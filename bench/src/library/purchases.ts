import { Injectable } from '@nestjs/common';
import { Compensate, TransactionalMessage, Transactions } from '@tallystick/outbox';
import type { EntityManager } from 'typeorm';
import { OrderInLine, OrderRequested } from '../business/order-requested';
import { businessOf, write } from '../business/sql';

/** What the library is used for, as an application writes it. */
@Injectable()
export class Purchases {
  constructor(private readonly transactions: Transactions) {}

  @TransactionalMessage(OrderRequested)
  async purchase(order: OrderRequested, statements: 2 | 4 = 2): Promise<OrderRequested> {
    await pay(this.transactions.manager(), order, statements);
    return order;
  }

  @TransactionalMessage(OrderInLine)
  async purchaseInLine(order: OrderRequested): Promise<OrderInLine> {
    await pay(this.transactions.manager(), order, 2);
    return order;
  }

  @TransactionalMessage(OrderRequested)
  async purchaseMany(orders: readonly OrderRequested[]): Promise<readonly OrderRequested[]> {
    for (const order of orders) await pay(this.transactions.manager(), order, 2);
    return orders;
  }

  /** Makes rows expect a follow-up when they are rejected; accepted ones are closed in batches. */
  @Compensate(OrderRequested)
  @Compensate(OrderInLine)
  async refund({ userId, amount }: OrderRequested): Promise<void> {
    const manager = this.transactions.manager();
    await write(manager, businessOf(manager).debit(userId, -amount));
  }
}

/** The business transaction, without its BEGIN and COMMIT. */
export async function pay(manager: EntityManager, order: OrderRequested, statements: 2 | 4): Promise<void> {
  const { userId, amount } = order;
  const business = businessOf(manager);
  if (statements === 4) await write(manager, business.balance(userId));
  await write(manager, business.debit(userId, amount));
  await write(manager, business.insertPurchase(order));
  if (statements === 4) await write(manager, business.journal(userId, -amount));
}
