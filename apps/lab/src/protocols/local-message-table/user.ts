import { Inject, Injectable } from '@nestjs/common';
import { Compensate, OnAccepted, TransactionalMessage, Transactions } from '@tallystick/outbox';
import { debit, recordPurchase, refund, settle } from '../../business/accounts';
import type { PurchaseRequest } from '../../business/purchase';
import type { ServiceContext, UserSide } from '../../service/context';
import type { Sql } from '../../service/database';
import { SERVICE, sqlOf, startNest } from '../../service/nest';
import { OrderRequested } from './contract';

@Injectable()
class Purchases {
  constructor(
    private readonly transactions: Transactions,
    @Inject(SERVICE) private readonly service: ServiceContext,
  ) {}

  @TransactionalMessage(OrderRequested, { id: ({ purchaseId }) => purchaseId })
  async pay(request: PurchaseRequest): Promise<OrderRequested> {
    await debit(this.sql, request);
    await recordPurchase(this.sql, request, 'pending');
    await this.service.step('before-commit');
    this.transactions.afterCommit(() => this.service.step('after-commit'));
    return request;
  }

  @OnAccepted(OrderRequested)
  async complete({ purchaseId }: OrderRequested): Promise<void> {
    await settle(this.sql, purchaseId, 'completed');
    this.transactions.afterCommit(() => this.service.settled(purchaseId));
  }

  @Compensate(OrderRequested)
  async refund(request: OrderRequested): Promise<void> {
    await settle(this.sql, request.purchaseId, 'rejected');
    await refund(this.sql, request);
    await this.service.step('before-refund-commit');
    this.transactions.afterCommit(() => this.service.settled(request.purchaseId));
  }

  private get sql(): Sql {
    return sqlOf(this.transactions.manager());
  }
}

export const user: UserSide = async (service) => {
  const steps = { 'delivery.published': 'after-publish', 'receipt.applied': 'after-receipt' };
  const app = await startNest(service, [Purchases], steps);
  const purchases = app.get(Purchases);
  return {
    async buy(request) {
      await purchases.pay(request);
      return 'accepted';
    },
    stop: () => app.close(),
  };
};
