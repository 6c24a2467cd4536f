import type { ConsumeMessage } from 'amqplib';
import { Pool, type PoolClient } from 'pg';
import { ORDERS, type OrderRequested } from '../business/order-requested';
import { INSERT_ORDER } from '../business/sql';
import { HandWrittenBroker, ORDER_QUEUE } from './broker';

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
const INSERT_INBOX = `insert into inbox (message_id) values ($1) on conflict do nothing`;
const INSERT_INBOX_BATCH = `
insert into inbox (message_id) select unnest($1::uuid[]) on conflict do nothing returning message_id`;
const INSERT_ORDER_BATCH = `
insert into orders (id, user_id, sku, quantity, amount)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::bigint[])`;

interface Received {
  readonly message: ConsumeMessage;
  ack(): void;
}

/** The consumer, written by hand: inbox row and order in one transaction, the receipt after the commit, then the ack. */
export class HandWrittenConsumer {
  onHandled: (id: string) => void = () => {};
  private readonly pool: Pool;
  private broker!: HandWrittenBroker;
  private gathered: Received[] = [];
  private working = false;

  constructor(private readonly options: HandWrittenConsumerOptions) {
    this.pool = new Pool({ connectionString: options.databaseUrl, max: options.concurrency });
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
    await this.pool.end();
  }

  private async handle(received: Received): Promise<void> {
    await this.inTransaction(async (client) => {
      const { id, order } = read(received);
      const { rowCount } = await client.query({ name: 'inbox', text: INSERT_INBOX, values: [id] });
      if (rowCount === 0) return;
      const { purchaseId, userId, sku, quantity, amount } = order;
      await client.query({
        name: 'order',
        text: INSERT_ORDER,
        values: [purchaseId, userId, sku, quantity, amount],
      });
    });
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
    await this.inTransaction(async (client) => {
      const { rows } = await client.query<{ message_id: string }>(INSERT_INBOX_BATCH, [[...orders.keys()]]);
      const fresh = rows.map(({ message_id }) => orders.get(message_id)!);
      await client.query(INSERT_ORDER_BATCH, [
        fresh.map(({ purchaseId }) => purchaseId),
        fresh.map(({ userId }) => userId),
        fresh.map(({ sku }) => sku),
        fresh.map(({ quantity }) => quantity),
        fresh.map(({ amount }) => amount),
      ]);
    });
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

  private async inTransaction(work: (client: PoolClient) => Promise<void>): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      await work(client);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
  }
}

function read({ message }: Received): { id: string; order: OrderRequested } {
  return {
    id: message.properties.messageId as string,
    order: JSON.parse(message.content.toString('utf8')) as OrderRequested,
  };
}
