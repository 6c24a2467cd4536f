import { OutboxMessage } from '@tallystick/outbox';
import { IsInt, IsUUID, Length, Min } from 'class-validator';

/** The two services of every scenario. Names of their own: a benchmark may run on somebody's broker. */
export const USERS = 'bench-users';
export const ORDERS = 'bench-orders';

/** A purchase that is paid for asks for its order: as in the demo. */
@OutboxMessage({ type: 'order.requested', to: ORDERS, key: 'userId', deadline: '15m' })
export class OrderRequested {
  @IsUUID('loose')
  purchaseId!: string;

  @IsUUID('loose')
  userId!: string;

  @Length(1, 64)
  sku!: string;

  @IsInt()
  @Min(1)
  quantity!: number;

  @IsInt()
  @Min(1)
  amount!: number;
}

/** The same, one after another by user. */
@OutboxMessage({ type: 'order.in-line', to: ORDERS, key: 'userId', deadline: '15m', ordered: true })
export class OrderInLine extends OrderRequested {}

/** Purchases of many users, so that no row is hot: what is measured is messaging, not lock waits. */
export const USER_COUNT = 1_000;

/** The id of one of the users that {@link USERS_SQL} creates. */
export function userId(number: number): string {
  return `00000000-0000-4000-8000-${String(number % USER_COUNT).padStart(12, '0')}`;
}
