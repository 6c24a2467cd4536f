import { ApiProperty } from '@nestjs/swagger';
import { Cents, Quantity, Sku, Uuid } from '@tallystick/chassis';
import { type Purchase, PURCHASE_STATUSES, type PurchaseStatus } from './purchase.entity';

export class PurchaseRequest {
  @Uuid()
  userId!: string;

  @Sku()
  sku!: string;

  @Quantity({ min: 1 })
  quantity!: number;

  @Cents({ min: 1 })
  amount!: number;
}

export class PurchaseView extends PurchaseRequest {
  @Uuid()
  id!: string;

  @ApiProperty({ enum: PURCHASE_STATUSES })
  status!: PurchaseStatus;

  /** The message that asks for the order. */
  @Uuid()
  messageId!: string;

  @ApiProperty({ required: false, format: 'uuid', description: 'Once completed' })
  orderId?: string;

  @ApiProperty({ required: false, example: 'OUT_OF_STOCK', description: 'Once refunded: why' })
  reason?: string;

  static of(purchase: Purchase): PurchaseView {
    const { id, userId, sku, quantity, amount, status, messageId, orderId, reason } = purchase;
    return {
      id,
      userId,
      sku,
      quantity,
      amount,
      status,
      messageId: messageId!,
      ...(orderId && { orderId }),
      ...(reason && { reason }),
    };
  }
}
