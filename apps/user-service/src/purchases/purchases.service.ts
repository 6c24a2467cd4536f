import { Injectable, NotFoundException, UnprocessableEntityException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { OrderRequested } from '@tallystick/contracts';
import { Compensate, type FollowUpContext, OnAccepted, Transactional, TransactionalMessage } from '@tallystick/outbox';
import type { Repository } from 'typeorm';
import { v7 } from 'uuid';
import { UsersService } from '../users/users.service';
import { Purchase } from './purchase.entity';
import type { PurchaseRequest } from './purchases.dto';

/**
 * What a user buys, from the debit to the order or the refund.
 *
 * What to notice: `pay` is the pattern. It debits the account and returns the message that asks for the order; both
 * commit in one local transaction, or neither does. Whatever then happens to the broker, to the network or to this
 * process, exactly one of `complete` and `refund` will run, once, when order-service has decided.
 */
@Injectable()
export class PurchasesService {
  constructor(
    @InjectRepository(Purchase) private readonly purchases: Repository<Purchase>,
    private readonly users: UsersService,
  ) {}

  /**
   * Buys. A repeated request (same user, same idempotency key) gets the purchase of the first one and debits nothing.
   *
   * The purchase is inserted before the debit, so that the unique key decides: a second request that comes meanwhile
   * waits there until the first has committed, and then inserts nothing.
   */
  @Transactional()
  async purchase(request: PurchaseRequest, idempotencyKey?: string): Promise<Purchase> {
    const { id: userId } = await this.users.hold(request.userId);
    const id = v7(); // grows with time: the message has it too, and lists begin with the newest
    const purchase = this.purchases.create({
      ...request,
      userId,
      id,
      messageId: id,
      idempotencyKey,
      status: 'pending',
    });
    if (!(await this.insertUnlessRepeated(purchase))) return this.repeated(purchase);
    await this.pay(purchase);
    return purchase;
  }

  /** The local transaction of the lesson. What it returns is recorded as the message, which is named after the purchase. */
  @TransactionalMessage(OrderRequested, { id: ({ purchaseId }) => purchaseId })
  async pay({ id, userId, sku, quantity, amount }: Purchase): Promise<OrderRequested> {
    await this.users.debit(userId, amount);
    return { purchaseId: id, userId, sku, quantity, amount };
  }

  @OnAccepted(OrderRequested)
  async complete({ purchaseId }: OrderRequested): Promise<void> {
    await this.settle(purchaseId, { status: 'completed', orderId: purchaseId });
  }

  @Compensate(OrderRequested)
  async refund({ purchaseId, userId, amount }: OrderRequested, { reason }: FollowUpContext): Promise<void> {
    await this.settle(purchaseId, { status: 'refunded', reason: reason!.code });
    await this.users.credit(userId, amount);
  }

  async get(id: string): Promise<Purchase> {
    const purchase = await this.purchases.findOneBy({ id });
    if (!purchase) throw new NotFoundException(`There is no purchase ${id}.`);
    return purchase;
  }

  /** A purchase leaves *pending* once. Anything else is a mistake, and must not commit. */
  private async settle(id: string, change: Partial<Purchase>): Promise<void> {
    const { affected } = await this.purchases.update({ id, status: 'pending' }, change);
    if (affected !== 1) throw new Error(`Purchase ${id} is not pending: it cannot become ${change.status}.`);
  }

  private async insertUnlessRepeated(purchase: Purchase): Promise<boolean> {
    const insert = this.purchases.createQueryBuilder().insert().values(purchase).orIgnore().returning('id');
    const { raw } = await insert.execute();
    return (raw as unknown[]).length === 1;
  }

  private async repeated({ userId, idempotencyKey, sku, quantity, amount }: Purchase): Promise<Purchase> {
    const first = await this.purchases.findOneByOrFail({ userId, idempotencyKey: idempotencyKey! });
    if (first.sku === sku && first.quantity === quantity && first.amount === amount) return first;
    throw new UnprocessableEntityException('This Idempotency-Key was used for another purchase.');
  }
}
