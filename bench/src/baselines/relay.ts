import { Pool } from 'pg';
import { USERS } from '../business/order-requested';
import { HandWrittenBroker, ORDER_QUEUE, RECEIPT_QUEUE } from './broker';

const CLAIM = `
with due as materialized (
  select id from outbox where next_at <= clock_timestamp() order by next_at limit $1 for no key update skip locked
)
update outbox
set attempts = attempts + 1, next_at = clock_timestamp() + interval '30 s'
from due
where outbox.id = due.id
returning outbox.id, outbox.type, outbox.payload::text as payload`;
const MARK = `
update outbox
set state = 'sent', sent_at = clock_timestamp(), next_at = clock_timestamp() + interval '60 s'
where id = any ($1::uuid[]) and state = 'pending'`;
const CLAIM_LIMIT = 500;
const IDLE_MS = 50;

/** A relay written by hand: claim 500, publish them pipelined, wait for the confirms, mark them in one update, again. */
export class HandWrittenRelay {
  private readonly pool: Pool;
  private broker!: HandWrittenBroker;
  private running: Promise<void> | undefined;
  private stopping = false;

  constructor(private readonly options: { readonly databaseUrl: string; readonly amqpUrl: string }) {
    this.pool = new Pool({ connectionString: options.databaseUrl, max: 2 });
  }

  async start(): Promise<void> {
    this.broker = await HandWrittenBroker.connect(this.options.amqpUrl);
    this.running = this.loop();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
    await this.broker.close();
    await this.pool.end();
  }

  private async loop(): Promise<void> {
    while (!this.stopping) {
      const { rows } = await this.pool.query<{ id: string; type: string; payload: string }>(CLAIM, [CLAIM_LIMIT]);
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
      await this.pool.query(MARK, [rows.map(({ id }) => id)]);
    }
  }
}
