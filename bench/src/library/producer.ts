import type { INestApplication, INestApplicationContext } from '@nestjs/common';
import { type DeliveryRecord, OutboxOperations, type OutboxModuleOptions, recordedMessageId } from '@tallystick/outbox';
import { OutboxRuntime } from '@tallystick/outbox/testing';
import { type OrderRequested, USERS } from '../business/order-requested';
import type { Producer, SideOptions } from '../business/sides';
import { serveApplication, startApplication, stopApplication } from './application';
import { Purchases } from './purchases';
import { type Watched, watching } from './watching';

export interface LibraryProducerOptions extends SideOptions {
  readonly poolSize: number;
  readonly outbox?: Partial<Pick<OutboxModuleOptions, 'pollInterval' | 'relay' | 'maxPublishesPerSecond'>>;
  readonly watched?: Watched;
  /** Serves the dashboard, at `dashboardUrl`. @default false */
  readonly dashboard?: boolean;
  /** Messages of one user are to be in order. */
  readonly inLine?: boolean;
}

/** The producing service, with the library. */
export class LibraryProducer implements Producer {
  onCompleted: () => void = () => {};
  /** Attempts of this process that have ended. */
  published = 0;
  private app!: INestApplicationContext;

  constructor(private readonly options: LibraryProducerOptions) {}

  async start(): Promise<void> {
    const begin = this.options.dashboard ? serveApplication : startApplication;
    this.app = await begin({
      ...this.options,
      outbox: { ...this.options.outbox, ...watching(this.options.watched) },
      service: USERS,
      providers: [Purchases],
      onEvent: ({ event }) => {
        if (event === 'receipt.applied') this.onCompleted();
        if (event === 'delivery.published') this.published += 1;
      },
    });
  }

  async stop(): Promise<void> {
    await stopApplication(this.app);
  }

  /** With the `/` at its end, where the page is. */
  async dashboardUrl(): Promise<string> {
    return `${await (this.app as INestApplication).getUrl()}/outbox/`;
  }

  /** What the library does by itself once a minute. */
  async prune(): Promise<void> {
    await this.app.get(OutboxRuntime).pruner.prune();
  }

  /** How long each of `times` pages of 50 takes, in milliseconds: they follow one another, as somebody turns them. */
  async search(filter: string, times: number): Promise<number[]> {
    const operations = this.app.get(OutboxOperations);
    const tookMs: number[] = [];
    let last: DeliveryRecord | undefined;
    while (tookMs.length < times) {
      const began = performance.now();
      const page = await operations.find(filter, { limit: 50, ...(last && { after: last }) });
      tookMs.push(performance.now() - began);
      last = page.at(-1);
    }
    return tookMs;
  }

  /** All in one transaction: nothing is sent before the last of them is recorded. */
  async purchaseMany(orders: readonly OrderRequested[]): Promise<void> {
    await this.app.get(Purchases).purchaseMany(orders);
  }

  async purchase(order: OrderRequested, statements: 2 | 4 = 2): Promise<string> {
    const purchases = this.app.get(Purchases);
    const bought = this.options.inLine ? purchases.purchaseInLine(order) : purchases.purchase(order, statements);
    return recordedMessageId(await bought)!;
  }
}
