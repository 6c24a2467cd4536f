import { OutboxMessage } from '@tallystick/outbox';
import { IsInt, IsUUID, Length, Min } from 'class-validator';
import type { PurchaseRequest } from '../../business/purchase';

@OutboxMessage({ type: 'order.requested', to: 'order-service' })
export class OrderRequested implements PurchaseRequest {
  @IsUUID('loose')
  purchaseId!: string;

  @IsInt()
  customerId!: number;

  @Length(1, 64)
  sku!: string;

  @IsInt()
  @Min(1)
  amount!: number;
}
