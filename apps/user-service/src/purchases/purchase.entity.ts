import { safeInteger } from '@tallystick/chassis';
import { Column, Entity, PrimaryColumn, Unique } from 'typeorm';

export const PURCHASE_STATUSES = ['pending', 'completed', 'refunded'] as const;
export type PurchaseStatus = (typeof PURCHASE_STATUSES)[number];

/** Paid for when it is created; completed or refunded when order-service has given its verdict. */
@Entity('purchases')
@Unique('purchases_idempotency_key_unique', ['userId', 'idempotencyKey'])
export class Purchase {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'purchases_pk' })
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  /** Chosen by the client; of several requests with the same one only the first counts. */
  @Column('varchar', { name: 'idempotency_key', nullable: true })
  idempotencyKey!: string | null;

  @Column('varchar')
  sku!: string;

  @Column('integer')
  quantity!: number;

  /** In cents. */
  @Column('bigint', { transformer: safeInteger })
  amount!: number;

  @Column('varchar')
  status!: PurchaseStatus;

  /** The message that asks for the order. */
  @Column('uuid', { name: 'message_id' })
  messageId!: string;

  /** Set if, and only if, it is completed. */
  @Column('uuid', { name: 'order_id', nullable: true })
  orderId!: string | null;

  /** Why it was refunded; set if, and only if, it was. */
  @Column('text', { nullable: true })
  reason!: string | null;
}
