import { randomUUID } from 'node:crypto';
import { AmqpConnection, RabbitMQModule, RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { type DynamicModule, type INestApplicationContext, Injectable } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { ConsumeMessage } from 'amqplib';
import { DataSource } from 'typeorm';
import { now } from '../business/load';
import type { OrderRequested } from '../business/order-requested';
import type { Consumer, Producer, SideOptions } from '../business/sides';
import { QUORUM } from './broker';
import { createOrder, debit, entities } from './entities';

/*
 * UNSAFE, on purpose: what is written where nobody thought of an outbox. The debit is committed, then the message is
 * published. A crash in between, or a broker that is away, and the money is gone without an order; a message that comes
 * twice fails on the order's key, for ever. It shows what safety costs, and must not be copied.
 */

const DUAL_EXCHANGE = 'bench-dual';
const DUAL_ORDERS = 'bench-dual.orders';
const DUAL_REPLIES = 'bench-dual.replies';
const REPLY_PREFETCH = 256;

function rabbit(amqpUrl: string, prefetchCount: number): DynamicModule {
  return RabbitMQModule.forRoot({
    uri: amqpUrl,
    exchanges: [{ name: DUAL_EXCHANGE, type: 'direct' }],
    prefetchCount,
    connectionManagerOptions: { connectionOptions: { noDelay: true } },
  });
}

async function startWith(imports: DynamicModule[], providers: DynamicModule['providers']) {
  class DualWriteModule {}
  return NestFactory.createApplicationContext(
    { module: DualWriteModule, imports, providers },
    { logger: ['fatal', 'error'] },
  );
}

/** (c) Debits, commits, publishes. A reply says that the order is there. */
export class DualWriteProducer implements Producer {
  onCompleted: () => void = () => {};
  /** When replies came, by the id of their purchase's message; milliseconds since the epoch. No row says it. */
  readonly completedAt = new Map<string, number>();
  private app!: INestApplicationContext;

  constructor(private readonly options: SideOptions & { readonly poolSize: number }) {}

  async start(): Promise<void> {
    const { databaseUrl, amqpUrl, poolSize } = this.options;
    this.app = await startWith(
      [entities(databaseUrl, poolSize), rabbit(amqpUrl, REPLY_PREFETCH)],
      [Replies, { provide: DualWriteProducer, useValue: this }],
    );
  }

  stop(): Promise<void> {
    return this.app.close();
  }

  async purchase(order: OrderRequested): Promise<string> {
    await this.app.get(DataSource).transaction((manager) => debit(manager, order));
    const messageId = randomUUID();
    await this.app.get(AmqpConnection).publish(DUAL_EXCHANGE, DUAL_ORDERS, order, {
      messageId,
      persistent: true,
      mandatory: true,
      replyTo: DUAL_REPLIES,
    });
    return messageId;
  }

  completed(messageId: string): void {
    this.completedAt.set(messageId, now());
    this.onCompleted();
  }
}

@Injectable()
class Replies {
  constructor(private readonly producer: DualWriteProducer) {}

  @RabbitSubscribe({ exchange: DUAL_EXCHANGE, routingKey: DUAL_REPLIES, queue: DUAL_REPLIES, queueOptions: QUORUM })
  async onReply(_reply: unknown, message?: ConsumeMessage): Promise<void> {
    this.producer.completed(message!.properties.correlationId as string);
  }
}

/** (c) Creates the order, then replies. */
export class DualWriteConsumer implements Consumer {
  onHandled: (id: string) => void = () => {};
  private app!: INestApplicationContext;

  constructor(private readonly options: SideOptions & { readonly concurrency: number }) {}

  async start(): Promise<void> {
    const { databaseUrl, amqpUrl, concurrency } = this.options;
    this.app = await startWith(
      [entities(databaseUrl, concurrency), rabbit(amqpUrl, concurrency)],
      [Orders, { provide: DualWriteConsumer, useValue: this }],
    );
  }

  stop(): Promise<void> {
    return this.app.close();
  }
}

@Injectable()
class Orders {
  constructor(
    private readonly consumer: DualWriteConsumer,
    private readonly database: DataSource,
    private readonly broker: AmqpConnection,
  ) {}

  @RabbitSubscribe({ exchange: DUAL_EXCHANGE, routingKey: DUAL_ORDERS, queue: DUAL_ORDERS, queueOptions: QUORUM })
  async create(order: OrderRequested, message?: ConsumeMessage): Promise<void> {
    await createOrder(this.database.manager, order);
    const { messageId, replyTo } = message!.properties as { messageId: string; replyTo: string };
    await this.broker.publish(
      DUAL_EXCHANGE,
      replyTo,
      { verdict: 'accepted' },
      { correlationId: messageId, persistent: true, mandatory: true },
    );
    this.consumer.onHandled(messageId);
  }
}
