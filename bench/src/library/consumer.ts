import type { INestApplicationContext } from '@nestjs/common';
import { ORDERS } from '../business/order-requested';
import type { Consumer, SideOptions } from '../business/sides';
import { startApplication, stopApplication } from './application';
import { CONCURRENCY, Orders } from './orders';

/** The consuming service, with the library. */
export class LibraryConsumer implements Consumer {
  onHandled: () => void = () => {};
  private app!: INestApplicationContext;

  constructor(private readonly options: SideOptions) {}

  async start(): Promise<void> {
    this.app = await startApplication({
      ...this.options,
      service: ORDERS,
      providers: [Orders],
      poolSize: CONCURRENCY,
      onEvent: ({ event }) => {
        if (event === 'inbox.handled') this.onHandled();
      },
    });
  }

  async stop(): Promise<void> {
    await stopApplication(this.app);
  }
}
