import { safeInteger } from '@tallystick/chassis';
import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** Exists only for purchases that were accepted; it never changes. */
@Entity('orders')
export class Order {
  /** The id of the purchase that asked for it: the primary key alone would refuse a second order. */
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'orders_pk' })
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @Column('varchar')
  sku!: string;

  @Column('integer')
  quantity!: number;

  /** What the user paid, in cents. */
  @Column('bigint', { transformer: safeInteger })
  amount!: number;

  @CreateDateColumn({ name: 'created_at' })
  createdAt!: Date;
}
