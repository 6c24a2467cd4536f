// Three services in a line: user-service → order-service → stock-service. user-service does not know the last one; order-service
// accepts, and reports the outcome with a message of its own. Withdrawing travels the same way.
import assert from 'node:assert/strict';
import { Injectable, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Compensate,
  MessageHandler,
  MessageRejected,
  OnAccepted,
  Outbox,
  OutboxMessage,
  OutboxModule,
  recordedMessageId,
  TransactionalMessage,
  Transactions,
} from '@tallystick/outbox';
import { memory } from '@tallystick/outbox/testing';
import { IsIn, IsString } from 'class-validator';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { database } from '../database';

class Purchase {
  @IsString() purchaseId: string;
  @IsString() sku: string;
}

@OutboxMessage({ type: 'order.requested', to: 'order-service', deadline: '15m' })
class OrderRequested extends Purchase {}

@OutboxMessage({ type: 'order.withdrawn', to: 'order-service' })
class OrderWithdrawn extends Purchase {}

@OutboxMessage({ type: 'piece.requested', to: 'stock-service', deadline: '1h' })
class PieceRequested extends Purchase {}

/** No deadline: what has happened is not taken back, and whoever hears of it never says no. */
@OutboxMessage({ type: 'order.settled', to: 'user-service' })
class OrderSettled extends Purchase {
  @IsIn(['confirmed', 'closed']) as: 'confirmed' | 'closed';
}

@Entity()
class Paid {
  @PrimaryColumn() purchaseId: string;
  @Column() state: 'pending' | 'completed' | 'refunded';
}

@Entity()
class Order {
  @PrimaryColumn() purchaseId: string;
  @Column() state: 'open' | 'confirmed' | 'closed';
  @Column({ type: 'uuid', nullable: true }) pieceRequest: string | null;
}

const transport = memory(); // one for all three: they meet in it

@Injectable()
class Purchases {
  private readonly waiting = new Map<string, () => void>();
  constructor(private readonly transactions: Transactions) {}

  ended(purchaseId: string): Promise<void> {
    return new Promise((resolve) => this.waiting.set(purchaseId, resolve));
  }

  @TransactionalMessage(OrderRequested)
  async buy(purchase: Purchase): Promise<OrderRequested> {
    await this.transactions.repository(Paid).insert({ purchaseId: purchase.purchaseId, state: 'pending' });
    return purchase;
  }

  /** Asks; what comes of it is the same report as ever. */
  @TransactionalMessage(OrderWithdrawn)
  async withdraw(purchase: Purchase): Promise<OrderWithdrawn> {
    return purchase;
  }

  @Compensate(OrderRequested) // order-service said no: there will be no report
  async refused({ purchaseId }: OrderRequested): Promise<void> {
    await this.end(purchaseId, 'refunded');
  }

  @MessageHandler(OrderSettled)
  async settled({ purchaseId, as }: OrderSettled): Promise<void> {
    await this.end(purchaseId, as === 'confirmed' ? 'completed' : 'refunded');
  }

  private async end(purchaseId: string, state: Paid['state']): Promise<void> {
    await this.transactions.repository(Paid).update({ purchaseId }, { state });
    this.transactions.afterCommit(() => this.waiting.get(purchaseId)?.());
  }
}

@Injectable()
class Orders {
  constructor(
    private readonly transactions: Transactions,
    private readonly outbox: Outbox,
  ) {}

  /** The order, the message to the next service and the verdict are one transaction. */
  @MessageHandler(OrderRequested)
  async open({ purchaseId, sku }: OrderRequested): Promise<void> {
    if (!(await this.first(purchaseId, 'open'))) throw new MessageRejected('WITHDRAWN');
    const { id } = await this.outbox.add(PieceRequested, { purchaseId, sku });
    await this.orders.update({ purchaseId }, { pieceRequest: id });
  }

  /** May come before what it withdraws. Once the piece is taken it is too late, and stock-service says so. */
  @MessageHandler(OrderWithdrawn)
  async withdraw({ purchaseId }: OrderWithdrawn): Promise<void> {
    if (await this.first(purchaseId, 'closed')) return;
    const { pieceRequest } = await this.orders.findOneByOrFail({ purchaseId });
    if (pieceRequest) await this.outbox.cancel(pieceRequest, { reason: 'the customer withdrew' });
  }

  @OnAccepted(PieceRequested)
  @TransactionalMessage(OrderSettled)
  async confirm({ purchaseId, sku }: PieceRequested): Promise<OrderSettled> {
    await this.orders.update({ purchaseId }, { state: 'confirmed' });
    return { purchaseId, sku, as: 'confirmed' };
  }

  @Compensate(PieceRequested)
  @TransactionalMessage(OrderSettled)
  async close({ purchaseId, sku }: PieceRequested): Promise<OrderSettled> {
    await this.orders.update({ purchaseId }, { state: 'closed' });
    return { purchaseId, sku, as: 'closed' };
  }

  /** An insert waits for its twin that is under way, and then knows; a select would not. */
  private async first(purchaseId: string, state: Order['state']): Promise<boolean> {
    const insert = this.orders.createQueryBuilder().insert().orIgnore().returning('"purchaseId"');
    const { raw } = await insert.values({ purchaseId, state }).execute();
    return raw.length === 1;
  }

  private get orders() {
    return this.transactions.repository(Order);
  }
}

@Injectable()
class Stock {
  @MessageHandler(PieceRequested)
  async take({ sku }: PieceRequested): Promise<void> {
    if (sku !== 'tally-stick') throw new MessageRejected('OUT_OF_STOCK');
  }
}

const SOON = { backoff: { first: '50ms', max: '200ms' } } as const; // for a service that is started later
const OUTBOX = (service: string) => OutboxModule.forRoot({ service, transport, ...SOON });

@Module({ imports: [database(Paid), OUTBOX('user-service')], providers: [Purchases] })
class UserModule {}
@Module({ imports: [database(Order), OUTBOX('order-service')], providers: [Orders] })
class OrderModule {}
@Module({ imports: [database(), OUTBOX('stock-service')], providers: [Stock] })
class StockModule {}

async function main(): Promise<void> {
  const start = (module: Type) => NestFactory.createApplicationContext(module, { logger: ['error'] });
  const [user, order] = [await start(UserModule), await start(OrderModule)];
  const purchases = user.get(Purchases);
  const bought = ['tally-stick', 'moonstone'].map((sku) => ({ purchaseId: `buys ${sku}`, sku }));
  const withdrawn = { purchaseId: 'withdraws', sku: 'tally-stick' };
  const ends = [...bought, withdrawn].map(({ purchaseId }) => purchases.ended(purchaseId));

  await purchases.buy(withdrawn);
  const asked = recordedMessageId(await purchases.withdraw(withdrawn))!;
  await user.get(Outbox).waitForVerdict(asked, { timeout: '30s' }); // stock-service is not there yet: nothing can have been taken
  const stock = await start(StockModule);
  for (const purchase of bought) await purchases.buy(purchase);
  await Promise.all(ends);

  const states = await user.get(Transactions).run(() => user.get(Transactions).repository(Paid).find());
  const orders = await order.get(Transactions).run(() => order.get(Transactions).repository(Order).find());
  for (const app of [user, order, stock]) await app.close();
  assert.deepEqual(Object.fromEntries(states.map(({ purchaseId, state }) => [purchaseId, state])), {
    ...{ 'buys tally-stick': 'completed', 'buys moonstone': 'refunded' },
    withdraws: 'refunded',
  });
  assert.deepEqual(Object.fromEntries(orders.map(({ purchaseId, state }) => [purchaseId, state])), {
    ...{ 'buys tally-stick': 'confirmed', 'buys moonstone': 'closed' },
    withdraws: 'closed',
  });
}

void main();
