import { USERS } from '../business/order-requested';
import { HandWrittenBroker, ORDER_QUEUE, RECEIPT_QUEUE } from './broker';
import { type UsersTables, usersTables } from './tables';

const IDLE_MS = 50;

/** A relay written by hand: claim 500, publish them pipelined, wait for the confirms, mark them in one update, again. */
export class HandWrittenRelay {
  private readonly tables: UsersTables;
  private broker!: HandWrittenBroker;
  private running: Promise<void> | undefined;
  private stopping = false;

  constructor(private readonly options: { readonly databaseUrl: string; readonly amqpUrl: string }) {
    this.tables = usersTables(options.databaseUrl, 2);
  }

  async start(): Promise<void> {
    this.broker = await HandWrittenBroker.connect(this.options.amqpUrl);
    this.running = this.loop();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
    await this.broker.close();
    await this.tables.end();
  }

  private async loop(): Promise<void> {
    while (!this.stopping) {
      const rows = await this.tables.claim();
      if (rows.length === 0) {
        await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
        continue;
      }
      const timestamp = Math.floor(Date.now() / 1000);
      await Promise.all(
        rows.map(({ id, type, payload }) =>
          this.broker.publish(ORDER_QUEUE, payload, {
            messageId: id,
            type,
            appId: USERS,
            replyTo: RECEIPT_QUEUE,
            timestamp,
          }),
        ),
      );
      await this.tables.markMany(
        'sent',
        rows.map(({ id }) => id),
      );
    }
  }
}
