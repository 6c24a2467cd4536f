import { type Channel, type ChannelModel, connect, type ConsumeMessage } from 'amqplib';
import { isBundle, membersOf } from './bundle';

const REQUESTS = ['outbox.requests', 'order-service.order.requested'] as const;
const RECEIPTS = ['outbox.receipts', 'user-service'] as const;

/** Sees a copy of every request and receipt that passes the exchanges between the two services of the suite. */
export class Tap {
  readonly requests: ConsumeMessage[] = [];
  readonly receipts: ConsumeMessage[] = [];
  private queues: string[] = [];

  private constructor(
    private readonly connection: ChannelModel,
    private readonly channel: Channel,
  ) {}

  /** The exchanges are there already. */
  static async open(url: string): Promise<Tap> {
    const connection = await connect(url);
    connection.on('error', () => {});
    const tap = new Tap(connection, await connection.createChannel());
    await tap.listen(...REQUESTS, tap.requests);
    await tap.listen(...RECEIPTS, tap.receipts);
    return tap;
  }

  get bundles(): { readonly requests: number; readonly receipts: number } {
    return { requests: this.requests.filter(isBundle).length, receipts: this.receipts.filter(isBundle).length };
  }

  /** How many requests and receipts passed, alone or together. */
  get passed(): { readonly requests: number; readonly receipts: number } {
    return { requests: count(this.requests), receipts: count(this.receipts) };
  }

  /** From now on what only this tap is bound for is routed to nobody. */
  async deaf(): Promise<void> {
    for (const queue of this.queues) await this.channel.deleteQueue(queue);
  }

  async close(): Promise<void> {
    await this.connection.close().catch(() => {});
  }

  private async listen(exchange: string, key: string, seen: ConsumeMessage[]): Promise<void> {
    const { queue } = await this.channel.assertQueue('', { exclusive: true });
    this.queues.push(queue);
    await this.channel.bindQueue(queue, exchange, key);
    await this.channel.consume(queue, (message) => message && seen.push(message), { noAck: true });
  }
}

function count(messages: readonly ConsumeMessage[]): number {
  return messages.reduce((sum, message) => sum + (isBundle(message) ? membersOf(message).length : 1), 0);
}
