import { Body, Controller, type INestApplication, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type OutboxModuleOptions, Sheddable } from '@tallystick/outbox';
import { type OrderRequested, USERS } from '../business/order-requested';
import type { SideOptions } from '../business/sides';
import { applicationModule, stopApplication } from './application';
import { Purchases } from './purchases';

export interface LibraryShopOptions extends SideOptions {
  readonly poolSize: number;
  readonly outbox?: Partial<Pick<OutboxModuleOptions, 'shedAfter'>>;
}

@Controller('purchases')
class PurchasesController {
  constructor(private readonly purchases: Purchases) {}

  /** Somebody waits for it. */
  @Post()
  async purchase(@Body() order: OrderRequested): Promise<void> {
    await this.purchases.purchase(order);
  }

  /** Whoever sends it can come again. */
  @Sheddable()
  @Post('nightly')
  async purchaseTonight(@Body() order: OrderRequested): Promise<void> {
    await this.purchases.purchase(order);
  }
}

/** The producing service behind HTTP. */
export class LibraryShop {
  private app!: INestApplication;

  constructor(private readonly options: LibraryShopOptions) {}

  async start(): Promise<void> {
    const module = applicationModule({
      ...this.options,
      service: USERS,
      providers: [Purchases],
      controllers: [PurchasesController],
      onEvent: () => {},
    });
    this.app = await NestFactory.create(module, { logger: ['fatal', 'error'] });
    await this.app.listen(0, '127.0.0.1');
  }

  url(): Promise<string> {
    return this.app.getUrl();
  }

  stop(): Promise<void> {
    return stopApplication(this.app);
  }
}
