import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChannelModel, connect, type ConfirmChannel } from 'amqplib';
import type { Stoppable } from './context';

type Handler = (message: never) => Promise<void>;

const RECONNECT_MS = 200;
const PREFETCH = 16;
const QUORUM = { durable: true, arguments: { 'x-queue-type': 'quorum' } };

/**
 * RabbitMQ by hand, with what nobody should leave out: durable quorum queues, persistent messages, confirms, and an
 * acknowledgement after the work. It connects again by itself. It promises no more than that.
 */
export class Queues implements Stoppable {
  private readonly handlers = new Map<string, Handler>();
  private connection?: ChannelModel;
  private channel?: ConfirmChannel;
  private stopped = false;

  /** Ids of messages that the broker had no queue for: it confirms them all the same. */
  private readonly returned = new Set<string>();

  private constructor(private readonly url: string) {}

  static async connect(url: string): Promise<Queues> {
    const queues = new Queues(url);
    await queues.open();
    return queues;
  }

  /** @returns when the broker has it. @throws Error if there is no broker, or none any more */
  async publish(queue: string, message: object): Promise<void> {
    const { channel } = this;
    if (!channel) throw new Error('There is no connection to the broker.');
    const body = Buffer.from(JSON.stringify(message));
    await new Promise<void>((resolve, reject) => {
      const messageId = randomUUID();
      const confirmed = (error: unknown): void => {
        if (error) reject(error as Error);
        else if (this.returned.delete(messageId)) reject(new Error(`There is no queue ${queue}.`));
        else resolve();
      };
      channel.publish('', queue, body, { messageId, persistent: true, mandatory: true }, confirmed);
    });
  }

  /** Declares the queue: that is for the one who reads it. One whose handler throws is put back. */
  async consume(queue: string, handler: Handler): Promise<void> {
    this.handlers.set(queue, handler);
    await this.subscribe(queue, handler);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.connection?.close().catch(() => {});
  }

  private async open(): Promise<void> {
    const connection = await connect(this.url, { noDelay: true, timeout: 2_000 });
    this.connection = connection;
    connection.on('error', () => {});
    connection.on('close', () => void this.reopen());
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    channel.on('return', ({ properties }) => this.returned.add(properties.messageId as string));
    await channel.prefetch(PREFETCH);
    this.channel = channel;
    for (const [queue, handler] of this.handlers) await this.subscribe(queue, handler);
  }

  private async reopen(): Promise<void> {
    this.channel = undefined;
    while (!this.stopped) {
      await sleep(RECONNECT_MS);
      const opened = await this.open().then(
        () => true,
        () => false,
      );
      if (opened) return;
    }
  }

  private async subscribe(queue: string, handler: Handler): Promise<void> {
    const channel = this.channel!;
    await channel.assertQueue(queue, QUORUM);
    await channel.consume(queue, (message) => {
      if (!message) return;
      handler(JSON.parse(String(message.content)) as never).then(
        () => channel.ack(message),
        () => channel.nack(message),
      );
    });
  }
}
