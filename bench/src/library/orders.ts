import { Injectable, type Type } from '@nestjs/common';
import { type MessageContext, MessageHandler, type MessageHandlerOptions, MessageRejected } from '@tallystick/outbox';
import { OrderRequested } from '../business/order-requested';
import { INSERT_ORDER } from '../business/sql';

/** Handlers at work at once, here and in the hand-written consumer. */
export const CONCURRENCY = 16;
/** With group commit: four transactions at once, of up to 16 messages each. */
export const GROUPED: MessageHandlerOptions = { concurrency: 64, groupCommit: 16 };

/** @param rejectEvery rejects one order in so many, after its insert; undefined: none */
export function ordersWith(options: MessageHandlerOptions, rejectEvery?: number): Type {
  @Injectable()
  class Orders {
    @MessageHandler(OrderRequested, options)
    async create(order: OrderRequested, { manager }: MessageContext): Promise<void> {
      const { purchaseId, userId, sku, quantity, amount } = order;
      await manager.query(INSERT_ORDER, [purchaseId, userId, sku, quantity, amount]);
      if (rejectEvery !== undefined && isRejected(purchaseId, rejectEvery)) throw new MessageRejected('OUT_OF_STOCK');
    }
  }
  return Orders;
}

/** The same orders in every run of a message: a group that failed meets them again. */
function isRejected(purchaseId: string, every: number): boolean {
  return parseInt(purchaseId.slice(0, 8), 16) % every === 0;
}
