import { Injectable, type Type } from '@nestjs/common';
import {
  type BatchHandlerOptions,
  type MessageContext,
  MessageHandler,
  type MessageHandlerOptions,
  MessageRejected,
} from '@tallystick/outbox';
import { OrderInLine, OrderRequested } from '../business/order-requested';
import { businessOf, write } from '../business/sql';

/** Handlers at work at once, here and in the hand-written consumer. */
export const CONCURRENCY = 16;

export type OrderOptions = MessageHandlerOptions | BatchHandlerOptions;
/** Every message in its own transaction. */
export const ALONE: MessageHandlerOptions = { concurrency: CONCURRENCY };
/** Those that would wait for one another share a transaction: four of them at once, of up to 16 messages each. */
export const GROUPED: MessageHandlerOptions = { concurrency: 64, groupCommit: 'auto' };
/** One call and one statement for up to 64. */
export const ARRAYS: BatchHandlerOptions = { batch: 64 };

@Injectable()
export class OrdersInLine {
  @MessageHandler(OrderInLine, ALONE)
  async create(order: OrderInLine, { manager }: MessageContext): Promise<void> {
    await write(manager, businessOf(manager).insertOrder(order));
  }
}

/** @param rejectEvery rejects one order in so many, after its insert; undefined: none */
export function ordersWith(options: OrderOptions, rejectEvery?: number): Type {
  const rejectSome = (orders: readonly OrderRequested[]): void => {
    if (rejectEvery === undefined) return;
    if (orders.some(({ purchaseId }) => isRejected(purchaseId, rejectEvery))) throw new MessageRejected('OUT_OF_STOCK');
  };
  return options.batch === undefined ? oneByOne(options, rejectSome) : inArrays(options, rejectSome);
}

type RejectSome = (orders: readonly OrderRequested[]) => void;

function oneByOne(options: MessageHandlerOptions, rejectSome: RejectSome): Type {
  @Injectable()
  class Orders {
    @MessageHandler(OrderRequested, options)
    async create(order: OrderRequested, { manager }: MessageContext): Promise<void> {
      await write(manager, businessOf(manager).insertOrder(order));
      rejectSome([order]);
    }
  }
  return Orders;
}

function inArrays(options: BatchHandlerOptions, rejectSome: RejectSome): Type {
  @Injectable()
  class Orders {
    @MessageHandler(OrderRequested, options)
    async create(orders: OrderRequested[], contexts: MessageContext[]): Promise<void> {
      const { manager } = contexts[0]!;
      await write(manager, businessOf(manager).insertOrders(orders));
      rejectSome(orders);
    }
  }
  return Orders;
}

/** The same orders in every run of a message: a group that failed meets them again. */
function isRejected(purchaseId: string, every: number): boolean {
  return parseInt(purchaseId.slice(0, 8), 16) % every === 0;
}
