import { numbered } from '@tallystick/services';
import type { EntityManager } from 'typeorm';
import type { Engine } from '../engines/engine';
import { type OrderRequested, USER_COUNT } from './order-requested';

/**
 * The business of both sides, the same statements on the same tables. It is written in SQL on both sides, so that the
 * ratio is about the outbox and not about an ORM's query builder; but for the baselines that are about one (`entities.ts`).
 */
const USERS: Readonly<Record<Engine, string>> = {
  postgres: `
create table account (id uuid primary key, balance bigint not null check (balance >= 0));
create table purchase (id uuid primary key, user_id uuid not null, amount bigint not null, created_at timestamptz not null default now());
create table journal (id bigint generated always as identity primary key, user_id uuid not null, amount bigint not null);
insert into account
select ('00000000-0000-4000-8000-' || lpad(number::text, 12, '0'))::uuid, 1000000000000
from generate_series(0, ${USER_COUNT - 1}) as number;
analyze account;
`,
  mariadb: `
create table account (id uuid primary key, balance bigint not null check (balance >= 0)) engine = InnoDB;
create table purchase (id uuid primary key, user_id uuid not null, amount bigint not null, created_at datetime(6) not null default (utc_timestamp(6))) engine = InnoDB;
create table journal (id bigint auto_increment primary key, user_id uuid not null, amount bigint not null) engine = InnoDB;
insert into account
select concat('00000000-0000-4000-8000-', lpad(seq, 12, '0')), 1000000000000
from seq_0_to_${USER_COUNT - 1};
analyze table account;
`,
};

export function usersSchema(engine: Engine): string {
  return USERS[engine];
}

export function ordersSchema(engine: Engine): string {
  const storage = engine === 'mariadb' ? ' engine = InnoDB' : '';
  return `
create table orders (id uuid primary key, user_id uuid not null, sku text not null, quantity int not null, amount bigint not null)${storage};
`;
}

/** A statement and its values, as its database takes them. */
export interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/** What a business writes. */
export interface BusinessSql {
  debit(userId: string, amount: number): Statement;
  insertPurchase(order: OrderRequested): Statement;
  balance(userId: string): Statement;
  journal(userId: string, amount: number): Statement;
  insertOrder(order: OrderRequested): Statement;
  insertOrders(orders: readonly OrderRequested[]): Statement;
}

const COLUMNS = ['purchaseId', 'userId', 'sku', 'quantity', 'amount'] as const;
const INSERT_ORDER = 'insert into orders (id, user_id, sku, quantity, amount)';
const ROW = '(?, ?, ?, ?, ?)';

/** Each text is rendered once: it is prepared by it, or found by it in a cache. */
function businessSql(engine: Engine): BusinessSql {
  const rendered = (sql: string): string => (engine === 'postgres' ? numbered(sql) : sql);
  const debit = rendered('update account set balance = balance - ? where id = ?');
  const insertPurchase = rendered('insert into purchase (id, user_id, amount) values (?, ?, ?)');
  const balance = rendered('select balance from account where id = ?');
  const journal = rendered('insert into journal (user_id, amount) values (?, ?)');
  const insertOrder = rendered(`${INSERT_ORDER} values ${ROW}`);
  const inArrays = `${INSERT_ORDER} select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::bigint[])`;
  return {
    debit: (userId, amount) => ({ text: debit, values: [amount, userId] }),
    insertPurchase: ({ purchaseId, userId, amount }) => ({
      text: insertPurchase,
      values: [purchaseId, userId, amount],
    }),
    balance: (userId) => ({ text: balance, values: [userId] }),
    journal: (userId, amount) => ({ text: journal, values: [userId, amount] }),
    insertOrder: (order) => ({ text: insertOrder, values: COLUMNS.map((column) => order[column]) }),
    insertOrders: (orders) =>
      engine === 'postgres'
        ? { text: inArrays, values: COLUMNS.map((column) => orders.map((order) => order[column])) }
        : {
            text: `${INSERT_ORDER} values ${orders.map(() => ROW).join(', ')}`,
            values: orders.flatMap((order) => COLUMNS.map((column) => order[column])),
          },
  };
}

export const BUSINESS: Readonly<Record<Engine, BusinessSql>> = {
  postgres: businessSql('postgres'),
  mariadb: businessSql('mariadb'),
};

/** In the database of that manager. */
export function businessOf(manager: EntityManager): BusinessSql {
  return BUSINESS[manager.dataSource.options.type === 'postgres' ? 'postgres' : 'mariadb'];
}

export async function write(manager: EntityManager, { text, values }: Statement): Promise<void> {
  await manager.query(text, values);
}

export const USERS_TABLES = ['purchase', 'journal'];
