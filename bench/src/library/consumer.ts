import type { INestApplicationContext } from '@nestjs/common';
import { ORDERS } from '../business/order-requested';
import type { Consumer, SideOptions } from '../business/sides';
import { startApplication, stopApplication } from './application';
import { type Watched, watching } from './watching';
import { ALONE, CONCURRENCY, type OrderOptions, OrdersInLine, ordersWith } from './orders';

export interface LibraryConsumerOptions extends SideOptions {
  /** How it takes its messages. @default every message in its own transaction */
  readonly handler?: OrderOptions;
  /** One order in so many is rejected. @default none */
  readonly rejectEvery?: number;
  readonly watched?: Watched;
  /** It takes those that are to be in order, and no others. */
  readonly inLine?: boolean;
}

/** The consuming service, with the library. */
export class LibraryConsumer implements Consumer {
  onHandled: (id: string) => void = () => {};
  private app!: INestApplicationContext;

  constructor(private readonly options: LibraryConsumerOptions) {}

  async start(): Promise<void> {
    const { databaseUrl, amqpUrl, handler = ALONE, rejectEvery, watched, inLine } = this.options;
    this.app = await startApplication({
      databaseUrl,
      amqpUrl,
      service: ORDERS,
      providers: [inLine ? OrdersInLine : ordersWith(handler, rejectEvery)],
      poolSize: CONCURRENCY,
      outbox: watching(watched),
      onEvent: (event) => {
        if (event.event === 'inbox.handled') this.onHandled(event.messageId);
      },
    });
  }

  async stop(): Promise<void> {
    await stopApplication(this.app);
  }
}
