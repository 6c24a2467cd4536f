import { until } from '@tallystick/services';
import { type Channel, type ChannelModel, type ConfirmChannel, connect, type ConsumeMessage } from 'amqplib';
import type { Picture } from './page';

/** What is between the two services; docs/operations.md has the table. */
const REQUESTS = {
  exchange: 'outbox.requests',
  key: 'order-service.order.requested',
  queue: 'order-service.order.requested',
};
const RECEIPTS = { exchange: 'outbox.receipts', key: 'user-service', queue: 'user-service.receipts' };

/** Copies that are put into the queues beside everything that goes there, while it lasts. */
export interface Copying {
  /** Once all that has been confirmed so far was copied, and the services have taken it: how much of it were messages. */
  delivered(): Promise<{ deliveries: number; copies: number }>;
  stop(): Promise<void>;
}

export interface Copier {
  start(): Promise<Copying>;
}

/** Two more of each: it is delivered three times. */
const COPIES = 2;

/** Asks the broker, over a connection of its own that is opened when somebody wants to know, and again when it has gone. */
export class Queues implements Copier {
  private opening: Promise<{ broker: ChannelModel; channel: Channel }> | undefined;

  constructor(private readonly amqpUrl: string) {}

  /** What is ready to be delivered; null if the broker does not answer. Never rejects. */
  async depths(): Promise<NonNullable<Picture['queues']> | null> {
    try {
      const { channel } = await this.open();
      const [requests, receipts] = [await channel.checkQueue(REQUESTS.queue), await channel.checkQueue(RECEIPTS.queue)];
      return { requests: requests.messageCount, receipts: receipts.messageCount };
    } catch {
      this.opening = undefined;
      return null;
    }
  }

  async start(): Promise<Copying> {
    const broker = await connect(this.amqpUrl, { timeout: 1_000 });
    broker.on('error', () => {});
    const channel = await broker.createConfirmChannel();
    channel.on('error', () => {});
    const [requests, receipts] = [new Tap(channel, REQUESTS), new Tap(channel, RECEIPTS)];
    await requests.open();
    await receipts.open();
    const empty = async (): Promise<boolean> => {
      const depths = await this.depths();
      return depths?.requests === 0 && depths.receipts === 0;
    };
    return {
      delivered: async () => {
        await Promise.all([requests.caughtUp(), receipts.caughtUp()]);
        await channel.waitForConfirms();
        await until('the copies were delivered', empty, { everyMs: 100 });
        return { deliveries: requests.seen, copies: COPIES * requests.seen };
      },
      stop: () => broker.close().catch(() => {}), // its own queues go with it
    };
  }

  async close(): Promise<void> {
    const opened = await this.opening?.catch(() => undefined);
    await opened?.broker.close().catch(() => {}); // it may be gone
  }

  private open(): Promise<{ broker: ChannelModel; channel: Channel }> {
    return (this.opening ??= this.connected());
  }

  private async connected(): Promise<{ broker: ChannelModel; channel: Channel }> {
    const broker = await connect(this.amqpUrl, { timeout: 1_000 });
    const gone = (): void => void (this.opening = undefined);
    broker.on('error', () => {}).on('close', gone);
    const channel = await broker.createChannel();
    channel.on('error', () => {}).on('close', gone);
    return { broker, channel };
  }
}

/** Puts beside whatever goes this way two more, exactly as it was. */
class Tap {
  seen = 0;
  private queue = '';
  private caught = (): void => {};

  constructor(
    private readonly channel: ConfirmChannel,
    private readonly way: typeof REQUESTS,
  ) {}

  async open(): Promise<void> {
    const { queue } = await this.channel.assertQueue('', { exclusive: true });
    this.queue = queue;
    await this.channel.bindQueue(queue, this.way.exchange, this.way.key);
    await this.channel.consume(queue, (message) => message && this.onMessage(message), { noAck: true });
  }

  /** What was in the queue when this was called has been copied by then: it keeps the order. */
  async caughtUp(): Promise<void> {
    const caught = new Promise<void>((resolve) => (this.caught = resolve));
    this.channel.sendToQueue(this.queue, Buffer.alloc(0), { type: MARK });
    await caught;
  }

  private onMessage({ content, properties }: ConsumeMessage): void {
    if (properties.type === MARK) return this.caught();
    this.seen += 1;
    for (let copy = 0; copy < COPIES; copy++) this.channel.sendToQueue(this.way.queue, content, properties);
  }
}

const MARK = 'demo.caught-up';
