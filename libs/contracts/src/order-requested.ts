import { OutboxMessage } from '@tallystick/outbox';
import { IsInt, IsUUID, Length, Max, Min } from 'class-validator';

/**
 * user-service asks order-service for an order that is already paid for.
 *
 * What to notice: this class is the whole agreement between the two services. The string `type` is what travels, never
 * the name of the class. `to` makes it a *request*: it stays open in user-service's database until order-service has
 * given its verdict. `deadline` says how long the buyer's money may wait for one. Both sides check the fields, the
 * sender before it records and the consumer before it acts: the messages of an older version are already on their way.
 */
@OutboxMessage({ type: 'order.requested', to: 'order-service', key: 'userId', deadline: '15m' })
export class OrderRequested {
  /** Also becomes the id of the order, so nothing has to be looked up on the way back. */
  @IsUUID('loose')
  purchaseId!: string;

  @IsUUID('loose')
  userId!: string;

  @Length(1, 64)
  sku!: string;

  @IsInt()
  @Min(1)
  @Max(2_147_483_647)
  quantity!: number;

  /** What was debited, in cents. */
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  amount!: number;
}

/** Why order-service says no: the `reason.code` of a rejection. */
export type OrderRejection = 'OUT_OF_STOCK' | 'UNKNOWN_SKU';
