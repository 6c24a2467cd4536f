import { randomUUID } from 'node:crypto';
import { USERS } from '../business/order-requested';
import type { OrderRequested } from '../business/order-requested';
import { HandWrittenBroker, ORDER_QUEUE, RECEIPT_QUEUE } from './broker';
import { CoalescedMarks, type Marks, SingleMarks } from './marks';
import { type UsersTables, usersTables } from './tables';

export interface HandWrittenProducerOptions {
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  readonly poolSize: number;
  readonly marks: 'single' | 'coalesced';
  /**
   * One after another, in the order of the table: the next is sent when the one before is completed. One commit and one read a turn;
   * no lease, for only one such process may run.
   */
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
  /** Of a serial one. */
  private busy = false;

  constructor(private readonly options: HandWrittenProducerOptions) {
    this.tables = usersTables(options.databaseUrl, options.poolSize);
    this.marks = options.marks === 'single' ? new SingleMarks(this.tables) : new CoalescedMarks(this.tables);
  }

  async start(): Promise<void> {
    this.broker = await HandWrittenBroker.connect(this.options.amqpUrl);
    await this.broker.consume(RECEIPT_QUEUE, RECEIPT_PREFETCH, (message, ack) => {
      void this.marks.completed(message.properties.correlationId as string).then(() => {
        ack();
        this.onCompleted();
        this.busy = false;
        if (this.options.serial) void this.sendFirst();
      });
    });
    if (!this.options.serial) this.sweeping = setInterval(() => void this.sweep(), SWEEP_EVERY_MS);
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
    void (this.options.serial ? this.sendFirst() : this.send(id, payload));
    return id;
  }

  private async sendFirst(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    const first = await this.tables.first();
    if (first) await this.publish(first.id, first.payload);
    else this.busy = false;
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
