import { OutboxMessage } from '@tallystick/outbox';
import { IsInt, IsUUID, Length, Min } from 'class-validator';
import type { PurchaseRequest } from '../../business/purchase';

class Purchase implements PurchaseRequest {
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

/** Can be undone: by {@link CloseOrder}. */
@OutboxMessage({ type: 'order.open', to: 'order-service' })
export class OpenOrder extends Purchase {}

/** The pivot: once the piece is taken there is no way back. */
@OutboxMessage({ type: 'stock.take', to: 'order-service' })
export class TakeStock extends Purchase {}

/** After the pivot: it is tried until it is done, and never says no. */
@OutboxMessage({ type: 'order.confirm', to: 'order-service' })
export class ConfirmOrder extends Purchase {}

/** Undoes {@link OpenOrder}, and never says no. */
@OutboxMessage({ type: 'order.close', to: 'order-service' })
export class CloseOrder extends Purchase {}
