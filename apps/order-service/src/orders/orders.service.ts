import { Injectable, NotFoundException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type OrderRejection, OrderRequested } from '@tallystick/contracts';
import { MessageHandler, MessageRejected } from '@tallystick/outbox';
import type { Repository } from 'typeorm';
import { StockService } from '../stock/stock.service';
import { Order } from './order.entity';

/** Longest list that is returned. */
const PAGE = 100;

/**
 * Orders, created when somebody has paid for them.
 *
 * What to notice: `create` is plain business, and safe to call any number of times. It runs in the transaction that also
 * stores the verdict in the inbox, so a duplicate finds the verdict and never gets here. Throwing `MessageRejected` says
 * no for good: the buyer is refunded. Throwing anything else says "not yet": nothing is stored and the message comes again.
 */
@Injectable()
export class OrdersService {
  constructor(
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    private readonly stock: StockService,
  ) {}

  @MessageHandler(OrderRequested)
  async create({ purchaseId, userId, sku, quantity, amount }: OrderRequested): Promise<void> {
    if (!(await this.stock.take(sku, quantity))) throw await this.rejection(sku, quantity);
    await this.orders.insert({ id: purchaseId, userId, sku, quantity, amount });
  }

  async get(id: string): Promise<Order> {
    const order = await this.orders.findOneBy({ id });
    if (!order) throw new NotFoundException(`There is no order ${id}.`);
    return order;
  }

  /** The latest orders first. */
  ofUser(userId: string): Promise<Order[]> {
    return this.orders.find({ where: { userId }, order: { createdAt: 'desc', id: 'asc' }, take: PAGE });
  }

  private async rejection(sku: string, requested: number): Promise<MessageRejected> {
    const stock = await this.stock.find(sku);
    const reason: OrderRejection = stock ? 'OUT_OF_STOCK' : 'UNKNOWN_SKU';
    return new MessageRejected(reason, { sku, requested, available: stock?.quantity ?? 0 });
  }
}
