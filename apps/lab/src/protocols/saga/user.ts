import { Inject, Injectable } from '@nestjs/common';
import { Compensate, OnAccepted, TransactionalMessage, Transactions } from '@tallystick/outbox';
import { debit, recordPurchase, refund, settle } from '../../business/accounts';
import type { PurchaseRequest } from '../../business/purchase';
import type { ServiceContext, UserSide } from '../../service/context';
import type { Sql } from '../../service/database';
import { SERVICE, sqlOf, startNest } from '../../service/nest';
import { CloseOrder, ConfirmOrder, OpenOrder, TakeStock } from './contracts';

/**
 * The orchestrator: read it from top to bottom. Each method is a local transaction, and the message that it returns is
 * recorded in it; so the saga needs no table of its own: where it stands is which delivery is open.
 */
@Injectable()
class PurchaseSaga {
  constructor(
    private readonly transactions: Transactions,
    @Inject(SERVICE) private readonly service: ServiceContext,
  ) {}

  @TransactionalMessage(OpenOrder)
  async begin(request: PurchaseRequest): Promise<OpenOrder> {
    await debit(this.sql, request);
    await recordPurchase(this.sql, request, 'pending');
    this.after('after-debit');
    return request;
  }

  @OnAccepted(OpenOrder)
  @TransactionalMessage(TakeStock)
  async opened(request: OpenOrder): Promise<TakeStock> {
    this.after('after-opened');
    return request;
  }

  @OnAccepted(TakeStock)
  @TransactionalMessage(ConfirmOrder)
  async taken(request: TakeStock): Promise<ConfirmOrder> {
    this.after('after-taken');
    return request;
  }

  @OnAccepted(ConfirmOrder)
  async completed({ purchaseId }: ConfirmOrder): Promise<void> {
    await settle(this.sql, purchaseId, 'completed');
    this.transactions.afterCommit(() => this.service.settled(purchaseId));
  }

  // And back again.

  @Compensate(TakeStock)
  @TransactionalMessage(CloseOrder)
  async notTaken(request: TakeStock): Promise<CloseOrder> {
    this.after('after-taken');
    return request;
  }

  @OnAccepted(CloseOrder)
  async closed(request: CloseOrder): Promise<void> {
    await settle(this.sql, request.purchaseId, 'rejected');
    await refund(this.sql, request);
    await this.service.step('before-refund-commit');
    this.transactions.afterCommit(() => this.service.settled(request.purchaseId));
  }

  private after(step: string): void {
    this.transactions.afterCommit(() => this.service.step(step));
  }

  private get sql(): Sql {
    return sqlOf(this.transactions.manager());
  }
}

export const user: UserSide = async (service) => {
  const app = await startNest(service, [PurchaseSaga], {});
  const saga = app.get(PurchaseSaga);
  return {
    async buy(request) {
      await saga.begin(request);
      return 'accepted';
    },
    stop: () => app.close(),
  };
};
