import { Injectable } from '@nestjs/common';
import { Outbox, OutboxMessage, Transactions } from '@tallystick/outbox';
import { IsString } from 'class-validator';

@OutboxMessage({ type: 'order.requested', to: 'order-service' })
export class OrderRequested {
  @IsString() sku: string;
}

@Injectable()
export class PurchasesService {
  constructor(
    private readonly transactions: Transactions,
    private readonly outbox: Outbox,
  ) {}

  async purchase(sku: string): Promise<string> {
    return this.transactions.run(async () => {
      const { id } = await this.outbox.add(OrderRequested, { sku });
      return id;
    });
  }
}
