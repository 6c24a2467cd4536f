import type { EntityManager } from 'typeorm';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { OrderRequested } from '../business/order-requested';
import { connection } from '../engines/typeorm';

/** The tables of the business and of the hand-written outbox, as the entities of an application. */
@Entity('account')
class Account {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('bigint')
  balance!: string;
}

@Entity('purchase')
class Purchase {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @Column('bigint')
  amount!: number;
}

@Entity('orders')
class Order {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @Column('text')
  sku!: string;

  @Column('int')
  quantity!: number;

  @Column('bigint')
  amount!: number;
}

@Entity('outbox')
export class OutboxRow {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  type!: string;

  @Column('json')
  payload!: object;

  @Column('text')
  state!: 'pending' | 'sent' | 'completed';

  @Column('int')
  attempts!: number;

  @Column('timestamp', { name: 'next_at', nullable: true })
  nextAt!: Date | null;

  @Column('timestamp', { name: 'sent_at', nullable: true })
  sentAt!: Date | null;

  @Column('timestamp', { name: 'settled_at', nullable: true })
  settledAt!: Date | null;
}

@Entity('inbox')
export class InboxRow {
  @PrimaryColumn('uuid', { name: 'message_id' })
  messageId!: string;
}

export function entities(databaseUrl: string, poolSize: number) {
  return TypeOrmModule.forRoot({
    ...connection(databaseUrl, poolSize),
    entities: [Account, Purchase, Order, OutboxRow, InboxRow],
  });
}

/** What the others write in SQL, written by TypeORM. */
export async function debit(manager: EntityManager, { purchaseId, userId, amount }: OrderRequested): Promise<void> {
  await manager.decrement(Account, { id: userId }, 'balance', amount);
  await manager.insert(Purchase, { id: purchaseId, userId, amount });
}

export async function createOrder(manager: EntityManager, order: OrderRequested): Promise<void> {
  const { purchaseId, userId, sku, quantity, amount } = order;
  await manager.insert(Order, { id: purchaseId, userId, sku, quantity, amount });
}
