import { OutboxMessage } from '@tallystick/outbox';
import { IsString } from 'class-validator';
import { Column, Entity, PrimaryColumn } from 'typeorm';

@OutboxMessage({ type: 'order.requested', to: 'order-service' })
export class OrderRequested {
  @IsString() sku: string;
}

@Entity()
export class Refund {
  @PrimaryColumn() sku: string;
  @Column() reason: string;
}
