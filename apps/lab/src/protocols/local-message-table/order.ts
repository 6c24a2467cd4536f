import { Inject, Injectable } from '@nestjs/common';
import { MessageHandler, MessageRejected, Transactions } from '@tallystick/outbox';
import { createOrder } from '../../business/orders';
import { Rejected } from '../../business/purchase';
import type { OrderSide, ServiceContext } from '../../service/context';
import { SERVICE, sqlOf, startNest } from '../../service/nest';
import { OrderRequested } from './contract';

@Injectable()
class Orders {
  constructor(
    private readonly transactions: Transactions,
    @Inject(SERVICE) private readonly service: ServiceContext,
  ) {}

  @MessageHandler(OrderRequested, { concurrency: 16 })
  async create(request: OrderRequested): Promise<void> {
    await createOrder(sqlOf(this.transactions.manager()), request).catch((error: Error) => {
      throw error instanceof Rejected ? new MessageRejected(error.message) : error;
    });
    await this.service.step('before-order-commit');
  }
}

export const order: OrderSide = async (service) => {
  const app = await startNest(service, [Orders], { 'inbox.handled': 'after-order-commit' });
  return { stop: () => app.close() };
};
