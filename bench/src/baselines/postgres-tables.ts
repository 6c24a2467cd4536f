import { Pool, type PoolClient } from 'pg';
import type { OrderRequested } from '../business/order-requested';
import { BUSINESS } from '../business/sql';
import { KEPT } from '../engines/typeorm';
import type { Due, Mark, OrdersTables, UsersTables } from './tables';

const business = BUSINESS.postgres;
const INSERT_OUTBOX = `
insert into outbox (id, type, payload, state, attempts, next_at)
values ($1, 'order.requested', $2, 'pending', 1, clock_timestamp() + interval '30 s')`;
const MARKS: Readonly<Record<Mark, string>> = {
  sent: `
update outbox
set state = 'sent', sent_at = clock_timestamp(), next_at = clock_timestamp() + interval '60 s'
where state = 'pending' and id`,
  completed: `
update outbox
set state = 'completed', settled_at = clock_timestamp(), next_at = null
where state <> 'completed' and id`,
};
const CLAIM = `
with due as materialized (
  select id from outbox where next_at <= clock_timestamp() order by next_at limit 500 for no key update skip locked
)
update outbox
set attempts = attempts + 1, next_at = clock_timestamp() + interval '30 s'
from due
where outbox.id = due.id
returning outbox.id, outbox.type, outbox.payload::text as payload`;
const FIRST = `select id, type, payload::text as payload from outbox where next_at is not null order by next_at limit 1`;
const INSERT_INBOX = `insert into inbox (message_id) values ($1) on conflict do nothing`;
const INSERT_INBOX_BATCH = `
insert into inbox (message_id) select unnest($1::uuid[]) on conflict do nothing returning message_id`;

class PostgresTables {
  protected readonly pool: Pool;

  constructor(databaseUrl: string, poolSize: number) {
    this.pool = new Pool({ connectionString: databaseUrl, max: poolSize, ...KEPT });
  }

  end(): Promise<void> {
    return this.pool.end();
  }

  protected async inTransaction(work: (client: PoolClient) => Promise<void>): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      await work(client);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
  }
}

/** With prepared statements. */
export class PostgresUsers extends PostgresTables implements UsersTables {
  purchase(order: OrderRequested, id: string, payload: string): Promise<void> {
    return this.inTransaction(async (client) => {
      await client.query({ name: 'debit', ...business.debit(order.userId, order.amount) });
      await client.query({ name: 'purchase', ...business.insertPurchase(order) });
      await client.query({ name: 'outbox', text: INSERT_OUTBOX, values: [id, payload] });
    });
  }

  async mark(mark: Mark, id: string): Promise<void> {
    await this.pool.query({ name: mark, text: `${MARKS[mark]} = $1`, values: [id] });
  }

  async markMany(mark: Mark, ids: readonly string[]): Promise<void> {
    await this.pool.query(`${MARKS[mark]} = any ($1::uuid[])`, [ids]);
  }

  async claim(): Promise<readonly Due[]> {
    return (await this.pool.query<Due>(CLAIM)).rows;
  }

  async first(): Promise<Due | undefined> {
    return (await this.pool.query<Due>({ name: 'first', text: FIRST })).rows[0];
  }
}

export class PostgresOrders extends PostgresTables implements OrdersTables {
  create(id: string, order: OrderRequested): Promise<void> {
    return this.inTransaction(async (client) => {
      const { rowCount } = await client.query({ name: 'inbox', text: INSERT_INBOX, values: [id] });
      if (rowCount !== 0) await client.query({ name: 'order', ...business.insertOrder(order) });
    });
  }

  createMany(orders: ReadonlyMap<string, OrderRequested>): Promise<void> {
    return this.inTransaction(async (client) => {
      const { rows } = await client.query<{ message_id: string }>(INSERT_INBOX_BATCH, [[...orders.keys()]]);
      await client.query(business.insertOrders(rows.map(({ message_id }) => orders.get(message_id)!)));
    });
  }
}
