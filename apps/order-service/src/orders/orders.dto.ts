import { ApiProperty } from '@nestjs/swagger';
import { Cents, Quantity, Sku, Uuid } from '@tallystick/chassis';

export class ByUser {
  @Uuid()
  userId!: string;
}

export class OrderView {
  @Uuid()
  id!: string;

  @Uuid()
  userId!: string;

  @Sku()
  sku!: string;

  @Quantity({ min: 1 })
  quantity!: number;

  @Cents({ min: 1 })
  amount!: number;

  @ApiProperty()
  createdAt!: Date;
}
