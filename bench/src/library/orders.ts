import { Injectable } from '@nestjs/common';
import { type MessageContext, MessageHandler } from '@tallystick/outbox';
import { OrderRequested } from '../business/order-requested';
import { INSERT_ORDER } from '../business/sql';

/** Handlers at work at once, here and in the hand-written consumer. */
export const CONCURRENCY = 16;

@Injectable()
export class Orders {
  @MessageHandler(OrderRequested, { concurrency: CONCURRENCY })
  async create(order: OrderRequested, { manager }: MessageContext): Promise<void> {
    const { purchaseId, userId, sku, quantity, amount } = order;
    await manager.query(INSERT_ORDER, [purchaseId, userId, sku, quantity, amount]);
  }
}
