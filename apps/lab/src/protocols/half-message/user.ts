import { Inject, Injectable } from '@nestjs/common';
import {
  type CheckAnswer,
  type HalfMessage,
  HalfMessageModule,
  HalfMessages,
  TransactionChecker,
  TypeOrmBarrier,
} from '@tallystick/half-message';
import { Compensate, OnAccepted, Transactions } from '@tallystick/outbox';
import { DataSource } from 'typeorm';
import { debit, recordPurchase, refund, settle } from '../../business/accounts';
import type { PurchaseRequest } from '../../business/purchase';
import type { ServiceContext, UserSide } from '../../service/context';
import type { Sql } from '../../service/database';
import { SERVICE, sqlOf, startNest } from '../../service/nest';
import { OrderRequested } from '../local-message-table/contract';

@Injectable()
class Purchases {
  private readonly barrier: TypeOrmBarrier;

  constructor(
    private readonly halfMessages: HalfMessages,
    private readonly transactions: Transactions,
    dataSource: DataSource,
    @Inject(SERVICE) private readonly service: ServiceContext,
  ) {
    this.barrier = new TypeOrmBarrier(dataSource, { lockTimeoutMs: 200 });
  }

  async pay(request: PurchaseRequest): Promise<void> {
    await this.halfMessages.run(OrderRequested, request, async (half) => {
      await this.service.step('after-half');
      await this.transactions.run(async (manager) => {
        if (!this.service.without.has('barrier')) await this.barrier.commit(manager, half);
        await this.service.step('after-barrier');
        await debit(sqlOf(manager), request);
        await recordPurchase(sqlOf(manager), request, 'pending');
        await this.service.step('before-commit');
      });
      await this.service.step('after-commit');
    });
  }

  @TransactionChecker(OrderRequested)
  async check(half: HalfMessage): Promise<CheckAnswer> {
    const answer = await this.answer(half);
    await this.service.step('after-check');
    return answer;
  }

  private async answer(half: HalfMessage): Promise<CheckAnswer> {
    if (this.service.without.has('check-back')) return 'rolled back';
    if (!this.service.without.has('barrier')) return this.barrier.check(half);
    // "Not found" taken for "rolled back".
    const { purchaseId } = JSON.parse(half.payload) as OrderRequested;
    const { rows } = await this.service.database.query('select from purchase where id = $1', [purchaseId]);
    return rows.length > 0 ? 'committed' : 'rolled back';
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
  const halfMessages = HalfMessageModule.forRoot({
    url: service.amqpUrl,
    service: 'user-service',
    checkAfter: ['1s', '500ms'],
  });
  const app = await startNest(service, [Purchases], { 'delivery.published': 'after-publish' }, [halfMessages]);
  await app.get(HalfMessages).ready();
  const purchases = app.get(Purchases);
  return {
    async buy(request) {
      await purchases.pay(request);
      return 'accepted';
    },
    stop: () => app.close(),
  };
};
