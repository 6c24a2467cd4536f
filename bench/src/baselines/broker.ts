import {
  type Channel,
  type ChannelModel,
  type ConfirmChannel,
  connect,
  type ConsumeMessage,
  type Options,
} from 'amqplib';

export const EXCHANGE = 'bench-raw';
export const ORDER_QUEUE = 'bench-raw.orders';
export const RECEIPT_QUEUE = 'bench-raw.receipts';
export const QUORUM: Options.AssertQueue = { durable: true, arguments: { 'x-queue-type': 'quorum' } };

/**
 * A broker connection as one writes it by hand, with the precautions the library takes too: no Nagle, durable quorum
 * queues, persistent messages, confirms, `mandatory`, publishing and consuming on connections of their own. What it leaves
 * out is everything that happens when something breaks: it does not reconnect.
 */
export class HandWrittenBroker {
  private readonly returned = new Set<string>();

  private constructor(
    private readonly publishing: ChannelModel,
    private readonly consuming: ChannelModel,
    private readonly publisher: ConfirmChannel,
    private readonly channels: Channel[] = [],
  ) {
    publisher.on('return', ({ properties }: ConsumeMessage) => this.returned.add(properties.messageId as string));
  }

  static async connect(url: string): Promise<HandWrittenBroker> {
    const publishing = await connect(url, { noDelay: true });
    const consuming = await connect(url, { noDelay: true });
    const publisher = await publishing.createConfirmChannel();
    await publisher.assertExchange(EXCHANGE, 'direct', { durable: true });
    for (const queue of [ORDER_QUEUE, RECEIPT_QUEUE]) {
      await publisher.assertQueue(queue, QUORUM);
      await publisher.bindQueue(queue, EXCHANGE, queue);
    }
    return new HandWrittenBroker(publishing, consuming, publisher);
  }

  /** Resolves when the broker has the message safely in the queue. */
  publish(queue: string, body: string, properties: Options.Publish & { messageId: string }): Promise<void> {
    return new Promise((resolve, reject) => {
      const options = { ...properties, persistent: true, mandatory: true, contentType: 'application/json' };
      this.publisher.publish(EXCHANGE, queue, Buffer.from(body), options, (error: unknown) => {
        const unroutable = this.returned.delete(properties.messageId);
        if (error == null && !unroutable) resolve();
        else reject(new Error(`${properties.messageId} was not confirmed`, { cause: error }));
      });
    });
  }

  async consume(
    queue: string,
    prefetch: number,
    onMessage: (message: ConsumeMessage, ack: () => void) => void,
  ): Promise<void> {
    const channel = await this.consuming.createChannel();
    this.channels.push(channel);
    await channel.prefetch(prefetch);
    await channel.consume(queue, (message) => message && onMessage(message, () => channel.ack(message)));
  }

  async close(): Promise<void> {
    for (const channel of this.channels) await channel.close();
    await this.consuming.close();
    await this.publishing.close();
  }
}
