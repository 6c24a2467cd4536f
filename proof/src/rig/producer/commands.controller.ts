import { randomUUID } from 'node:crypto';
import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { type DeliveryKey, type MessageStatus, Outbox, OutboxOperations, type OutboxStats } from '@tallystick/outbox';
import type { PurchaseMade, Script } from '../contract';
import { PurchasesService } from './purchases.service';

/** Of one account, each purchase of the same amount and with the same script. */
export interface RecordCommand {
  accountId: string;
  amount: number;
  script?: Script;
  /** How many purchases. @default 1 */
  count?: number;
  /** How many of them share a transaction. @default 1 */
  perTransaction?: number;
  /** How many transactions run at once. @default 8 */
  concurrency?: number;
}

/** What tests tell a producer to do. Commands come from our own code and are taken as they are. */
@Controller()
export class CommandsController {
  constructor(
    private readonly purchases: PurchasesService,
    private readonly outbox: Outbox,
    private readonly operations: OutboxOperations,
  ) {}

  @Post('accounts')
  async openAccount(@Body() { balance }: { balance: number }): Promise<{ id: string }> {
    const id = randomUUID();
    await this.purchases.openAccount(id, balance);
    return { id };
  }

  /** Answers when everything is committed; if one transaction fails, with its error, and what was committed stays. */
  @Post('purchases')
  async record(@Body() command: RecordCommand): Promise<{ purchaseId: string; messageId: string }[]> {
    const { accountId, amount, script = {}, count = 1, perTransaction = 1, concurrency = 8 } = command;
    const recorded: { purchaseId: string; messageId: string }[] = [];
    let left = count;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        const size = Math.min(left, perTransaction);
        left -= size;
        const purchases = Array.from({ length: size }, (): PurchaseMade => ({
          ...{ purchaseId: randomUUID(), accountId, amount, script },
        }));
        const messageIds = await this.purchases.record(purchases);
        purchases.forEach(({ purchaseId }, index) => recorded.push({ purchaseId, messageId: messageIds[index]! }));
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    return recorded;
  }

  @Get('stats')
  stats(): Promise<OutboxStats> {
    return this.operations.stats();
  }

  @Get('messages/:id')
  async status(@Param('id') id: string): Promise<MessageStatus | null> {
    return (await this.outbox.status(id)) ?? null;
  }

  @Post('messages/:id/cancel')
  cancel(@Param('id') id: string): Promise<MessageStatus> {
    return this.outbox.cancel(id, { reason: 'commanded' });
  }

  @Post('messages/:id/retry')
  retry(@Param('id') id: string, @Body() options: { deadline?: string } = {}): Promise<DeliveryKey[]> {
    return this.operations.retry(id, options);
  }

  @Post('messages/:id/discard')
  discard(@Param('id') id: string, @Body() options: { force?: boolean } = {}): Promise<DeliveryKey[]> {
    return this.operations.discard(id, 'commanded', options);
  }
}
