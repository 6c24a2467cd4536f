import { Injectable } from '@nestjs/common';
import { MessageHandler, MessageRejected, Transactions } from '@tallystick/outbox';
import { insertOrder, takeStock } from '../../business/orders';
import { Rejected } from '../../business/purchase';
import type { OrderSide } from '../../service/context';
import type { Sql } from '../../service/database';
import { sqlOf, startNest } from '../../service/nest';
import { CloseOrder, ConfirmOrder, OpenOrder, TakeStock } from './contracts';

const AT_ONCE = { concurrency: 16 };

@Injectable()
class Orders {
  constructor(private readonly transactions: Transactions) {}

  @MessageHandler(OpenOrder, AT_ONCE)
  async open(request: OpenOrder): Promise<void> {
    await insertOrder(this.sql, request);
    await this.setStatus(request, 'open');
  }

  @MessageHandler(TakeStock, AT_ONCE)
  async take(request: TakeStock): Promise<void> {
    await takeStock(this.sql, request).catch((error: Error) => {
      throw error instanceof Rejected ? new MessageRejected(error.message) : error;
    });
  }

  @MessageHandler(ConfirmOrder, AT_ONCE)
  async confirm(request: ConfirmOrder): Promise<void> {
    await this.setStatus(request, 'confirmed');
  }

  @MessageHandler(CloseOrder, AT_ONCE)
  async close(request: CloseOrder): Promise<void> {
    await this.setStatus(request, 'closed');
  }

  private async setStatus({ purchaseId }: OpenOrder, status: string): Promise<void> {
    await this.sql.query('update orders set status = $2 where id = $1', [purchaseId, status]);
  }

  private get sql(): Sql {
    return sqlOf(this.transactions.manager());
  }
}

export const order: OrderSide = async (service) => {
  const app = await startNest(service, [Orders], {
    'inbox.handled order.open': 'after-open',
    'inbox.handled stock.take': 'after-take',
    'inbox.handled order.confirm': 'after-close',
    'inbox.handled order.close': 'after-close',
  });
  return { stop: () => app.close() };
};
