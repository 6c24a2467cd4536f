import { USER_COUNT } from './order-requested';

/**
 * The business of both sides, the same statements on the same tables. It is written in SQL on both sides, so that the
 * ratio is about the outbox and not about an ORM's query builder; but for the baselines that are about one (`entities.ts`).
 */
export const USERS_SCHEMA = `
create table account (id uuid primary key, balance bigint not null check (balance >= 0));
create table purchase (id uuid primary key, user_id uuid not null, amount bigint not null, created_at timestamptz not null default now());
create table journal (id bigint generated always as identity primary key, user_id uuid not null, amount bigint not null);
insert into account
select ('00000000-0000-4000-8000-' || lpad(number::text, 12, '0'))::uuid, 1000000000000
from generate_series(0, ${USER_COUNT - 1}) as number;
analyze account;
`;

export const ORDERS_SCHEMA = `
create table orders (id uuid primary key, user_id uuid not null, sku text not null, quantity int not null, amount bigint not null);
`;

export const DEBIT = `update account set balance = balance - $2 where id = $1`;
export const INSERT_PURCHASE = `insert into purchase (id, user_id, amount) values ($1, $2, $3)`;
export const SELECT_BALANCE = `select balance from account where id = $1`;
export const INSERT_JOURNAL = `insert into journal (user_id, amount) values ($1, $2)`;
export const INSERT_ORDER = `insert into orders (id, user_id, sku, quantity, amount) values ($1, $2, $3, $4, $5)`;

export const INSERT_ORDERS = `insert into orders (id, user_id, sku, quantity, amount) select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::bigint[])`;

export const USERS_TABLES = ['purchase', 'journal'];
