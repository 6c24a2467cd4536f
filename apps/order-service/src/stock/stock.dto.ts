import { Quantity, Sku } from '@tallystick/chassis';

export class BySku {
  @Sku()
  sku!: string;
}

export class SetStock {
  @Quantity()
  quantity!: number;
}

export class StockView extends BySku {
  @Quantity()
  quantity!: number;
}
