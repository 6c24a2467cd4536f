import { outboxSchemaSql } from '@tallystick/outbox';
import { Client } from 'pg';

/** Counts what was commanded to fail. Written outside of the transaction that fails. */
const FAILURES = `
  create table failure (
    purchase_id uuid not null,
    step varchar(16) not null,
    happened_at timestamptz not null default clock_timestamp()
  );
  create index on failure (purchase_id, step)`;

/** No key and no check that would prevent, instead of the library, what the library promises to prevent. */
const PRODUCER = `
  create table account (
    id uuid primary key,
    deposited bigint not null,
    balance bigint not null check (balance >= 0)
  );
  create table purchase (
    id uuid primary key,
    account_id uuid not null,
    amount bigint not null,
    status varchar(16) not null default 'pending',
    message_id uuid,
    place bigserial
  );
  create table movement (
    purchase_id uuid not null,
    account_id uuid not null,
    kind varchar(16) not null check (kind in ('debit', 'refund', 'completion')),
    amount bigint not null
  );
  create index on movement (purchase_id)`;

const CONSUMER = `
  create table orders (
    message_id uuid not null,
    purchase_id uuid not null,
    account_id uuid not null,
    amount bigint not null,
    ordered_by varchar(255) not null default 'rig-producer',
    place bigserial
  );
  create index on orders (purchase_id);
  create table announced (
    message_id uuid not null,
    purchase_id uuid not null
  )`;

/** Writes down every change of state, so that a step back is seen however soon it is mended. */
const TRANSITIONS = `
  create table transition (
    id bigserial primary key,
    message_id uuid not null,
    before varchar(16) not null,
    after varchar(16) not null
  );
  create function note_transition() returns trigger language plpgsql as $$
  begin
    insert into transition (message_id, before, after) values (new.message_id, old.state, new.state);
    return null;
  end $$;
  create trigger note_transition after update of state on outbox_delivery
    for each row when (old.state is distinct from new.state) execute function note_transition()`;

export async function createTables(databaseUrls: { producer: string; consumer: string }): Promise<void> {
  await execute(databaseUrls.producer, [outboxSchemaSql(), FAILURES, PRODUCER, TRANSITIONS]);
  await execute(databaseUrls.consumer, [outboxSchemaSql(), FAILURES, CONSUMER]);
}

async function execute(url: string, scripts: string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {}); // the database is ended on purpose; the query says so
  await client.connect();
  try {
    for (const script of scripts) await client.query(script);
  } finally {
    await client.end();
  }
}
