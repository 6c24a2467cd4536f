import { randomUUID } from 'node:crypto';
import { USERS } from '../business/order-requested';
import type { OrderRequested } from '../business/order-requested';
import { HandWrittenBroker, ORDER_QUEUE, RECEIPT_QUEUE } from './broker';
import { CoalescedMarks, type Marks, SingleMarks } from './marks';
import { SerialLoop } from './serial-loop';
import { type Due, type UsersTables, usersTables } from './tables';

export interface HandWrittenProducerOptions {
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  readonly poolSize: number;
  readonly marks: 'single' | 'coalesced';
  /** In the order of the table, one at a time: see `SerialLoop`. */
  readonly serial?: boolean;
}

const SWEEP_EVERY_MS = 1_000;
const RECEIPT_PREFETCH = 256;

/**
 * The producer, written by hand as a good engineer would: prepared statements, the message published from memory right
 * after the commit, a sweep for whatever that missed, a receipt that closes the row.
 */
export class HandWrittenProducer {
  onCompleted: () => void = () => {};
  private readonly tables: UsersTables;
  private readonly marks: Marks;
  private broker!: HandWrittenBroker;
  private sweeping: NodeJS.Timeout | undefined;
  private readonly loop: SerialLoop<Due> | undefined;

  constructor(private readonly options: HandWrittenProducerOptions) {
    this.tables = usersTables(options.databaseUrl, options.poolSize);
    this.marks = options.marks === 'single' ? new SingleMarks(this.tables) : new CoalescedMarks(this.tables);
    if (options.serial)
      this.loop = new SerialLoop(
        () => this.tables.first(),
        ({ id, payload }) => this.publish(id, payload),
      );
  }

  async start(): Promise<void> {
    this.broker = await HandWrittenBroker.connect(this.options.amqpUrl);
    await this.broker.consume(RECEIPT_QUEUE, RECEIPT_PREFETCH, (message, ack) => {
      void this.marks.completed(message.properties.correlationId as string).then(() => {
        ack();
        this.onCompleted();
        void this.loop?.completed();
      });
    });
    if (this.loop) void this.loop.recorded();
    else this.sweeping = setInterval(() => void this.sweep(), SWEEP_EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.sweeping);
    await this.broker.close();
    await this.tables.end();
  }

  /** Resolves with the id of the message when the purchase is committed. */
  async purchase(order: OrderRequested): Promise<string> {
    const id = randomUUID();
    const payload = JSON.stringify(order);
    await this.tables.purchase(order, id, payload);
    void (this.loop ? this.loop.recorded() : this.send(id, payload));
    return id;
  }

  private async send(id: string, payload: string): Promise<void> {
    await this.publish(id, payload);
    await this.marks.sent(id);
  }

  private publish(id: string, payload: string): Promise<void> {
    return this.broker.publish(ORDER_QUEUE, payload, {
      messageId: id,
      type: 'order.requested',
      appId: USERS,
      replyTo: RECEIPT_QUEUE,
      timestamp: Math.floor(Date.now() / 1000),
    });
  }

  private async sweep(): Promise<void> {
    for (const { id, payload } of await this.tables.claim()) void this.send(id, payload);
  }
}
