import type { ConsumeMessage } from 'amqplib';
import { ORDERS, type OrderRequested } from '../business/order-requested';
import { HandWrittenBroker, ORDER_QUEUE } from './broker';
import { type OrdersTables, ordersTables } from './tables';

export interface HandWrittenConsumerOptions {
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  /** Transactions at once; in batches there is one. */
  readonly concurrency: number;
  /** (a) one transaction per message · (b) one for whatever has gathered meanwhile */
  readonly transactions: 'single' | 'batched';
}

/** Messages in hand of the batched consumer: the largest batch. */
const BATCH_PREFETCH = 128;

interface Received {
  readonly message: ConsumeMessage;
  ack(): void;
}

/** The consumer, written by hand: inbox row and order in one transaction, the receipt after the commit, then the ack. */
export class HandWrittenConsumer {
  onHandled: (id: string) => void = () => {};
  private readonly tables: OrdersTables;
  private broker!: HandWrittenBroker;
  private gathered: Received[] = [];
  private working = false;

  constructor(private readonly options: HandWrittenConsumerOptions) {
    this.tables = ordersTables(options.databaseUrl, options.concurrency);
  }

  async start(): Promise<void> {
    const { amqpUrl, concurrency, transactions } = this.options;
    this.broker = await HandWrittenBroker.connect(amqpUrl);
    const single = transactions === 'single';
    await this.broker.consume(ORDER_QUEUE, single ? concurrency : BATCH_PREFETCH, (message, ack) => {
      if (single) void this.handle({ message, ack });
      else this.gather({ message, ack });
    });
  }

  async stop(): Promise<void> {
    await this.broker.close();
    await this.tables.end();
  }

  private async handle(received: Received): Promise<void> {
    const { id, order } = read(received);
    await this.tables.create(id, order);
    await this.answer(received);
  }

  private gather(received: Received): void {
    this.gathered.push(received);
    if (!this.working) void this.work();
  }

  private async work(): Promise<void> {
    this.working = true;
    while (this.gathered.length > 0) {
      const batch = this.gathered.splice(0);
      await this.handleBatch(batch);
      for (const received of batch) void this.answer(received);
    }
    this.working = false;
  }

  private async handleBatch(batch: Received[]): Promise<void> {
    const orders = new Map(batch.map((received) => read(received)).map(({ id, order }) => [id, order]));
    await this.tables.createMany(orders);
  }

  private async answer({ message, ack }: Received): Promise<void> {
    const { messageId, replyTo } = message.properties as { messageId: string; replyTo: string };
    const body = JSON.stringify({ verdict: 'accepted', consumer: ORDERS });
    await this.broker.publish(replyTo, body, {
      messageId: `${messageId}.1`,
      correlationId: messageId,
      type: 'receipt',
      appId: ORDERS,
    });
    ack();
    this.onHandled(messageId);
  }
}

function read({ message }: Received): { id: string; order: OrderRequested } {
  return {
    id: message.properties.messageId as string,
    order: JSON.parse(message.content.toString('utf8')) as OrderRequested,
  };
}
