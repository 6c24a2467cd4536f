/**
 * What both services have, whatever the protocol. No protocol may do without the checks of the conditional updates in
 * `accounts.ts` and `orders.ts`; what it needs beyond, it adds in its own folder.
 */
export const USER_TABLES = `
  create table account (
    customer_id int primary key,
    balance bigint not null
  );
  create table purchase (
    id uuid primary key,
    customer_id int not null,
    sku text not null,
    amount bigint not null,
    status text not null
  );
`;

export const ORDER_TABLES = `
  create table stock (
    sku text primary key,
    quantity int not null
  );
  create table orders (
    id uuid primary key,
    customer_id int not null,
    sku text not null,
    amount bigint not null
  );
`;
