import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { type MessageContext, MessageHandler, MessageRejected } from '@tallystick/outbox';
import { prepared } from '../application';
import { OrderInLine, OrderNoted, OrderNotedInLine, OrderWanted, PurchaseAnnounced } from '../contract';
import { Failures } from '../failures';
import { LINES } from '../tables';

/** Inserts an order, or does what the script says. */
@Injectable()
export class OrdersService {
  constructor(private readonly failures: Failures) {}

  /** Every way of failing comes after the insert: a rollback that does not happen would leave an order behind. */
  @MessageHandler(OrderWanted, { groupCommit: 'auto' })
  async create(order: OrderWanted, { manager, messageId, source }: MessageContext): Promise<void> {
    const { purchaseId, accountId, amount, script } = order;
    await manager.query(
      prepared('insert into orders (message_id, purchase_id, account_id, amount, ordered_by) values (?, ?, ?, ?, ?)'),
      [messageId, purchaseId, accountId, amount, source],
    );
    if (script.delayMs) await sleep(script.delayMs);
    await this.failures.perhaps(purchaseId, 'handle', script.failTimes);
    if (script.reject) throw new MessageRejected(script.reject);
  }

  /** One transaction at a time, so that the others gather meanwhile. */
  @MessageHandler(OrderNoted, { batch: 8, concurrency: 8 })
  async createAll(orders: OrderNoted[], contexts: MessageContext[]): Promise<void> {
    for (const [index, order] of orders.entries()) await this.create(order, contexts[index]!);
  }

  @MessageHandler(OrderInLine)
  createInLine(order: OrderInLine, context: MessageContext): Promise<void> {
    return this.createInTurn(order, context);
  }

  @MessageHandler(OrderNotedInLine)
  createNotedInLine(order: OrderNotedInLine, context: MessageContext): Promise<void> {
    return this.createInTurn(order, context);
  }

  /** The lock makes the order of the places that of the commits, so that the audit sees an inversion; it prevents none. */
  private async createInTurn(order: OrderWanted, context: MessageContext): Promise<void> {
    await context.manager.query(prepared('select number from line where number = ? for update'), [
      Number.parseInt(order.accountId.slice(0, 8), 16) % LINES,
    ]);
    await this.create(order, context);
  }

  @MessageHandler(PurchaseAnnounced)
  async note({ purchaseId }: PurchaseAnnounced, { manager, messageId }: MessageContext): Promise<void> {
    await manager.query(prepared('insert into announced (message_id, purchase_id) values (?, ?)'), [
      messageId,
      purchaseId,
    ]);
  }
}
