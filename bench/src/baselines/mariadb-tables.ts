import { createPool, type Pool, type PoolConnection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import type { OrderRequested } from '../business/order-requested';
import { BUSINESS, type Statement } from '../business/sql';
import type { Due, Mark, OrdersTables, UsersTables } from './tables';

const business = BUSINESS.mariadb;
const INSERT_OUTBOX = `
insert into outbox (id, type, payload, state, attempts, next_at)
values (?, 'order.requested', ?, 'pending', 1, utc_timestamp(6) + interval 30 second)`;
const MARKS: Readonly<Record<Mark, string>> = {
  sent: `
update outbox
set state = 'sent', sent_at = utc_timestamp(6), next_at = utc_timestamp(6) + interval 60 second
where state = 'pending' and id`,
  completed: `
update outbox
set state = 'completed', settled_at = utc_timestamp(6), next_at = null
where state <> 'completed' and id`,
};
const DUE = `
select id, type, payload from outbox where next_at <= utc_timestamp(6) order by next_at limit 500 for update skip locked`;
const LEASE = `update outbox set attempts = attempts + 1, next_at = utc_timestamp(6) + interval 30 second where id in (?)`;
const FIRST = `select id, type, payload from outbox where next_at is not null order by next_at limit 1`;
const INSERT_INBOX = `insert ignore into inbox (message_id) values (?)`;

/** What is written once per message is prepared; what has as many values as there are messages cannot be. */
class MariaDbTables {
  protected readonly pool: Pool;

  constructor(databaseUrl: string, poolSize: number) {
    this.pool = createPool({ uri: databaseUrl, connectionLimit: poolSize, jsonStrings: true });
  }

  end(): Promise<void> {
    return this.pool.end();
  }

  protected async inTransaction<T>(work: (connection: PoolConnection) => Promise<T>): Promise<T> {
    const connection = await this.pool.getConnection();
    try {
      await connection.query('start transaction');
      const result = await work(connection);
      await connection.query('commit');
      return result;
    } catch (error) {
      await connection.query('rollback');
      throw error;
    } finally {
      connection.release();
    }
  }
}

export class MariaDbUsers extends MariaDbTables implements UsersTables {
  purchase(order: OrderRequested, id: string, payload: string): Promise<void> {
    return this.inTransaction(async (connection) => {
      await prepared(connection, business.debit(order.userId, order.amount));
      await prepared(connection, business.insertPurchase(order));
      await prepared(connection, { text: INSERT_OUTBOX, values: [id, payload] });
    });
  }

  async mark(mark: Mark, id: string): Promise<void> {
    await prepared(this.pool, { text: `${MARKS[mark]} = ?`, values: [id] });
  }

  async markMany(mark: Mark, ids: readonly string[]): Promise<void> {
    await this.pool.query(`${MARKS[mark]} in (?)`, [ids]);
  }

  claim(): Promise<readonly Due[]> {
    return this.inTransaction(async (connection) => {
      const [due] = await connection.query<(Due & RowDataPacket)[]>(DUE);
      if (due.length > 0) await connection.query(LEASE, [due.map(({ id }) => id)]);
      return due;
    });
  }

  async first(): Promise<Due | undefined> {
    return (await this.pool.query<(Due & RowDataPacket)[]>(FIRST))[0][0];
  }
}

export class MariaDbOrders extends MariaDbTables implements OrdersTables {
  create(id: string, order: OrderRequested): Promise<void> {
    return this.inTransaction(async (connection) => {
      const inserted = await prepared(connection, { text: INSERT_INBOX, values: [id] });
      if (inserted !== 0) await prepared(connection, business.insertOrder(order));
    });
  }

  createMany(orders: ReadonlyMap<string, OrderRequested>): Promise<void> {
    return this.inTransaction(async (connection) => {
      const ids = [...orders.keys()];
      const insert = `insert ignore into inbox (message_id) values ${ids.map(() => '(?)').join(', ')} returning message_id`;
      const [rows] = await connection.query<({ message_id: string } & RowDataPacket)[]>(insert, ids);
      const fresh = rows.map(({ message_id }) => orders.get(message_id)!);
      if (fresh.length === 0) return;
      const { text, values } = business.insertOrders(fresh);
      await connection.query(text, values);
    });
  }
}

/** @returns how many rows it has written */
async function prepared(on: Pool | PoolConnection, { text, values }: Statement): Promise<number> {
  const [{ affectedRows }] = await on.execute<ResultSetHeader>(text, values as string[]);
  return affectedRows;
}
