import type { OrderRequested } from './order-requested';

/** Sells: debits, records the message, sends it, closes the purchase when the receipt is there. Library or hand-written. */
export interface Producer {
  /** Called whenever a purchase is closed. */
  onCompleted: () => void;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Resolves with the id of the message when the purchase is committed. */
  purchase(order: OrderRequested): Promise<string>;
}

/** Creates orders. Library or hand-written. */
export interface Consumer {
  /** Called with the id that `purchase` resolved with, whenever an order is created. */
  onHandled: (id: string) => void;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface SideOptions {
  readonly databaseUrl: string;
  readonly amqpUrl: string;
}
