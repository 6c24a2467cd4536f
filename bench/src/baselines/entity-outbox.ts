import { randomUUID } from 'node:crypto';
import type { ConsumeMessage } from 'amqplib';
import { type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DataSource, IsNull, LessThanOrEqual, Not } from 'typeorm';
import { ORDERS, type OrderRequested, USERS } from '../business/order-requested';
import type { Consumer, Producer, SideOptions } from '../business/sides';
import { engineOf } from '../engines/engine';
import { HandWrittenBroker, ORDER_QUEUE, RECEIPT_QUEUE } from './broker';
import { createOrder, debit, entities, InboxRow, OutboxRow } from './entities';
import { SerialLoop } from './serial-loop';

const CLAIM_LIMIT = 500;
const SWEEP_EVERY_MS = 1_000;
const RECEIPT_PREFETCH = 256;
const RESEND_AFTER_MS = 30_000;
const RECEIPT_WITHIN_MS = 60_000;

async function startWith(databaseUrl: string, poolSize: number): Promise<INestApplicationContext> {
  class EntityOutboxModule {}
  return NestFactory.createApplicationContext(
    { module: EntityOutboxModule, imports: [entities(databaseUrl, poolSize)] },
    { logger: ['fatal', 'error'] },
  );
}

function inMs(ms: number): Date {
  return new Date(Date.now() + ms);
}

export interface EntityOutboxOptions extends SideOptions {
  readonly poolSize: number;
  /** In the order of the table, one at a time: see `SerialLoop`. */
  readonly serial?: boolean;
}

/** (d) The outbox of (a), row by row, as one writes it with TypeORM's entities. */
export class EntityOutboxProducer implements Producer {
  onCompleted: () => void = () => {};
  private app!: INestApplicationContext;
  private database!: DataSource;
  private broker!: HandWrittenBroker;
  private sweeping: NodeJS.Timeout | undefined;
  private readonly loop: SerialLoop<OutboxRow> | undefined;
  /** By the clock of the database. */
  private readonly now: () => string;

  constructor(private readonly options: EntityOutboxOptions) {
    const clock = engineOf(options.databaseUrl) === 'postgres' ? 'clock_timestamp()' : 'utc_timestamp(6)';
    this.now = () => clock;
    if (options.serial)
      this.loop = new SerialLoop(
        () => this.rows().findOne({ where: { nextAt: Not(IsNull()) }, order: { nextAt: 'asc' } }),
        ({ id, payload }) => this.publish(id, payload),
      );
  }

  async start(): Promise<void> {
    const { databaseUrl, amqpUrl, poolSize } = this.options;
    this.app = await startWith(databaseUrl, poolSize);
    this.database = this.app.get(DataSource);
    this.broker = await HandWrittenBroker.connect(amqpUrl);
    await this.broker.consume(RECEIPT_QUEUE, RECEIPT_PREFETCH, (message, ack) => void this.complete(message, ack));
    if (this.loop) void this.loop.recorded();
    else this.sweeping = setInterval(() => void this.sweep(), SWEEP_EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.sweeping);
    await this.broker.close();
    await this.app.close();
  }

  async purchase(order: OrderRequested): Promise<string> {
    const id = randomUUID();
    await this.database.transaction(async (manager) => {
      await debit(manager, order);
      await manager.insert(OutboxRow, {
        id,
        type: 'order.requested',
        payload: order,
        state: 'pending',
        attempts: 1,
        nextAt: inMs(RESEND_AFTER_MS),
      });
    });
    void (this.loop ? this.loop.recorded() : this.send(id, order));
    return id;
  }

  private async send(id: string, order: object): Promise<void> {
    await this.publish(id, order);
    await this.rows().update(
      { id, state: 'pending' },
      { state: 'sent', sentAt: this.now, nextAt: inMs(RECEIPT_WITHIN_MS) },
    );
  }

  private publish(id: string, order: object): Promise<void> {
    return this.broker.publish(ORDER_QUEUE, JSON.stringify(order), {
      messageId: id,
      type: 'order.requested',
      appId: USERS,
      replyTo: RECEIPT_QUEUE,
      timestamp: Math.floor(Date.now() / 1000),
    });
  }

  private async complete({ properties }: ConsumeMessage, ack: () => void): Promise<void> {
    await this.rows().update(
      { id: properties.correlationId as string },
      { state: 'completed', settledAt: this.now, nextAt: null },
    );
    ack();
    this.onCompleted();
    void this.loop?.completed();
  }

  private async sweep(): Promise<void> {
    const due = await this.database.transaction(async (manager) => {
      const rows = await manager.find(OutboxRow, {
        where: { nextAt: LessThanOrEqual(new Date()) },
        order: { nextAt: 'asc' },
        take: CLAIM_LIMIT,
        lock: { mode: 'pessimistic_write', onLocked: 'skip_locked' },
      });
      for (const row of rows) Object.assign(row, { attempts: row.attempts + 1, nextAt: inMs(RESEND_AFTER_MS) });
      return manager.save(rows);
    });
    for (const { id, payload } of due) void this.send(id, payload);
  }

  private rows() {
    return this.database.getRepository(OutboxRow);
  }
}

/** (d) Inbox row and order in one transaction, the receipt after the commit, then the ack. */
export class EntityInboxConsumer implements Consumer {
  onHandled: (id: string) => void = () => {};
  private app!: INestApplicationContext;
  private broker!: HandWrittenBroker;

  constructor(private readonly options: SideOptions & { readonly concurrency: number }) {}

  async start(): Promise<void> {
    const { databaseUrl, amqpUrl, concurrency } = this.options;
    this.app = await startWith(databaseUrl, concurrency);
    this.broker = await HandWrittenBroker.connect(amqpUrl);
    await this.broker.consume(ORDER_QUEUE, concurrency, (message, ack) => void this.handle(message, ack));
  }

  async stop(): Promise<void> {
    await this.broker.close();
    await this.app.close();
  }

  private async handle({ properties, content }: ConsumeMessage, ack: () => void): Promise<void> {
    const { messageId, replyTo } = properties as { messageId: string; replyTo: string };
    await this.app.get(DataSource).transaction(async (manager) => {
      const inserted = await manager
        .createQueryBuilder()
        .insert()
        .into(InboxRow)
        .values({ messageId })
        .orIgnore()
        .returning('message_id')
        .execute();
      if ((inserted.raw as unknown[]).length === 0) return;
      await createOrder(manager, JSON.parse(content.toString('utf8')) as OrderRequested);
    });
    await this.broker.publish(replyTo, JSON.stringify({ verdict: 'accepted', consumer: ORDERS }), {
      messageId: `${messageId}.1`,
      correlationId: messageId,
      type: 'receipt',
      appId: ORDERS,
    });
    ack();
    this.onHandled(messageId);
  }
}
