import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { USERS } from '../business/order-requested';
import type { OrderRequested } from '../business/order-requested';
import { DEBIT, INSERT_PURCHASE } from '../business/sql';
import { HandWrittenBroker, ORDER_QUEUE, RECEIPT_QUEUE } from './broker';
import { CoalescedMarks, type Marks, SingleMarks } from './marks';

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

const INSERT_OUTBOX = `
insert into outbox (id, type, payload, state, attempts, next_at)
values ($1, 'order.requested', $2, 'pending', 1, clock_timestamp() + interval '30 s')`;
const CLAIM = `
update outbox
set attempts = attempts + 1, next_at = clock_timestamp() + interval '30 s'
where id = any (array(
  select id from outbox where next_at <= clock_timestamp() order by next_at limit 500 for update skip locked
))
returning id, payload::text as payload`;
const FIRST = `select id, payload::text as payload from outbox where next_at is not null order by next_at limit 1`;
const SWEEP_EVERY_MS = 1_000;
const RECEIPT_PREFETCH = 256;

/**
 * The producer, written by hand as a good engineer would: prepared statements, the message published from memory right
 * after the commit, a sweep for whatever that missed, a receipt that closes the row.
 */
export class HandWrittenProducer {
  onCompleted: () => void = () => {};
  private readonly pool: Pool;
  private readonly marks: Marks;
  private broker!: HandWrittenBroker;
  private sweeping: NodeJS.Timeout | undefined;
  /** Of a serial one. */
  private busy = false;

  constructor(private readonly options: HandWrittenProducerOptions) {
    this.pool = new Pool({ connectionString: options.databaseUrl, max: options.poolSize });
    this.marks = options.marks === 'single' ? new SingleMarks(this.pool) : new CoalescedMarks(this.pool);
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
    await this.pool.end();
  }

  /** Resolves with the id of the message when the purchase is committed. */
  async purchase(order: OrderRequested): Promise<string> {
    const id = randomUUID();
    const payload = JSON.stringify(order);
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      await client.query({ name: 'debit', text: DEBIT, values: [order.userId, order.amount] });
      await client.query({
        name: 'purchase',
        text: INSERT_PURCHASE,
        values: [order.purchaseId, order.userId, order.amount],
      });
      await client.query({ name: 'outbox', text: INSERT_OUTBOX, values: [id, payload] });
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
    void (this.options.serial ? this.sendFirst() : this.send(id, payload));
    return id;
  }

  private async sendFirst(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    const { rows } = await this.pool.query<{ id: string; payload: string }>({ name: 'first', text: FIRST });
    const [first] = rows;
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
    const { rows } = await this.pool.query<{ id: string; payload: string }>(CLAIM);
    for (const { id, payload } of rows) void this.send(id, payload);
  }
}
