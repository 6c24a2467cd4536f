import { legalDelivery } from '../legal-delivery';
import { type TableOptions, type Tables, tables } from './tables';

/** What this version of the library reads and writes. Every migration adds one. */
export const SCHEMA_VERSION = 1;

/** How the tables are created. */
export interface SchemaOptions extends TableOptions {
  /**
   * PostgreSQL itself refuses a delivery row that may not be, whoever writes it: 0.005 ms per write. Without it a mistake of a
   * person's hand, or of this library, is found by the next who reads the row.
   * @default true
   */
  rowCheck?: boolean;
}

/**
 * Everything the migrations do, as plain SQL, for those who do not let TypeORM change their databases. May be run again.
 * @throws InvalidOptionsError if a name is not on the allow-list
 */
export function outboxSchemaSql(options: SchemaOptions = {}): string {
  return `${createStatements(tables(options), options).join(';\n\n')};\n`;
}

/**
 * Which delivery rows may be: an open row is due at some time, perhaps leased; a final one is settled; verdicts belong to their
 * states.
 *
 * A function, because every statement that writes to the table reads and plans its constraints anew, and a call is the shortest
 * there is to read: 0.004 ms per insert, where the same rules as an expression took 0.022. PostgreSQL keeps what it made of the body.
 */
function legalRow(t: Tables): string {
  return `create or replace function ${t.legal} (
  state varchar, verdict varchar, follow_up varchar, next_at timestamptz, lease_token uuid, settled_at timestamptz
) returns boolean language plpgsql immutable parallel safe as ${withoutSemicolons(`
begin
  return ${legalDelivery()};
end`)}`;
}

/** A text constant without any: many a tool for migrations takes a file apart at its semicolons. */
function withoutSemicolons(text: string): string {
  return `E'${text.replaceAll("'", "''").replaceAll(';', '\\x3b')}'`;
}

/** One statement each, in order. */
export function createStatements(t: Tables, { rowCheck = true }: Pick<SchemaOptions, 'rowCheck'> = {}): string[] {
  const legalOnly = `constraint ${t.named('outbox_delivery_legal')} check (${t.legal}(state, verdict, follow_up, next_at, lease_token, settled_at))`;
  return [
    // Its columns are those Debezium's outbox event router expects. `json`, not `jsonb`: the text is kept exactly.
    `create table if not exists ${t.message} (
  id uuid not null,
  aggregatetype varchar(255) not null,
  aggregateid varchar(255),
  type varchar(255) not null,
  payload json not null,
  headers json,
  created_at timestamptz not null default clock_timestamp(),
  constraint ${t.named('outbox_message_pkey')} primary key (id)
)`,
    legalRow(t),
    // No foreign key: one statement writes a message with its deliveries, one statement deletes them together, and the
    // check would cost every transaction a look-up.
    `create table if not exists ${t.delivery} (
  message_id uuid not null,
  consumer varchar(255) collate "C" not null,
  state varchar(16) not null,
  attempts int not null,
  next_at timestamptz,
  lease_token uuid,
  follow_up varchar(8) not null,
  deadline_at timestamptz,
  give_up_at timestamptz,
  verdict varchar(8),
  reason json,
  result json,
  code varchar(255),
  last_error text,
  cancel_reason text,
  sent_at timestamptz,
  settled_at timestamptz,
  order_key text,
  order_no bigint,
  constraint ${t.named('outbox_delivery_pkey')} primary key (message_id, consumer)${rowCheck ? `,\n  ${legalOnly}` : ''}
) with (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0.02,
  autovacuum_analyze_threshold = 500,
  autovacuum_vacuum_cost_delay = 0
)`,
    // What is due: holds only rows that somebody must still look at.
    `create index if not exists ${t.named('outbox_delivery_due')}
  on ${t.delivery} (next_at)
  where next_at is not null`,
    // What waits for a person.
    `create index if not exists ${t.named('outbox_delivery_parked')}
  on ${t.delivery} (message_id, consumer)
  where state = 'parked'`,
    // Who is to be in order: whom a key waits for, and who is next. Holds no final rows, and none of those that need no order.
    `create index if not exists ${t.named('outbox_delivery_turn')}
  on ${t.delivery} (consumer, order_key, order_no)
  where order_no is not null and settled_at is null`,
    // Drawn while nobody else records the same key, so that its numbers are in the order of the commits; for all keys, so
    // that nothing has to be kept for each.
    `create sequence if not exists ${t.order} owned by ${t.delivery}.order_no`,
    // What may be pruned, oldest first.
    `create index if not exists ${t.named('outbox_delivery_prunable')}
  on ${t.delivery} (settled_at)
  where settled_at is not null`,
    // What happened to a delivery that does not happen to most: a row only for those. An array, because the row is then a line of
    // its own for whoever moves the delivery: nothing to number, fold or delete by a look at what another transaction may just
    // have added. No foreign key: pruning deletes it with its message.
    `create table if not exists ${t.history} (
  message_id uuid not null,
  consumer varchar(255) collate "C" not null,
  entries jsonb not null,
  constraint ${t.named('outbox_history_pkey')} primary key (message_id, consumer)
)`,
    // What the service knows: the follow-ups that some process of it has or had (R13).
    `create table if not exists ${t.followUp} (
  source varchar(255) not null,
  type varchar(255) not null,
  verdict varchar(8) not null,
  handler text not null,
  registered_at timestamptz not null default clock_timestamp(),
  constraint ${t.named('outbox_follow_up_pkey')} primary key (source, type, verdict)
)`,
    `create table if not exists ${t.inbox} (
  consumer varchar(255) collate "C" not null,
  message_id uuid not null,
  source varchar(255) collate "C" not null,
  verdict varchar(8) not null,
  reason json,
  result json,
  payload_hash bytea,
  received_at timestamptz not null default clock_timestamp(),
  constraint ${t.named('inbox_message_pkey')} primary key (consumer, message_id, source),
  constraint ${t.named('inbox_message_verdict')} check (case verdict when 'accepted' then reason is null when 'rejected' then reason is not null else false end)
)`,
    `create index if not exists ${t.named('inbox_message_prunable')}
  on ${t.inbox} (received_at)`,
    // What the service has handled: a queue outlives the handler that it was declared for.
    `create table if not exists ${t.handler} (
  consumer varchar(255) not null,
  type varchar(255) not null,
  handler text not null,
  registered_at timestamptz not null default clock_timestamp(),
  constraint ${t.named('inbox_handler_pkey')} primary key (consumer, type)
)`,
    // What people did. The library only ever adds to it.
    `create table if not exists ${t.audit} (
  id bigint not null generated always as identity,
  at timestamptz not null default clock_timestamp(),
  source varchar(255) not null,
  actor text not null,
  verb varchar(16) not null,
  target text not null,
  changed int not null,
  reason text,
  constraint ${t.named('outbox_audit_pkey')} primary key (source, id)
)`,
    // What people have stopped sending: the empty text stands for every consumer, or every type. Nearly always empty.
    `create table if not exists ${t.pause} (
  source varchar(255) not null,
  consumer varchar(255) collate "C" not null,
  type varchar(255) not null,
  since timestamptz not null default clock_timestamp(),
  actor text not null,
  reason text not null,
  constraint ${t.named('outbox_pause_pkey')} primary key (source, consumer, type)
)`,
    // What people do to many deliveries at once, and how far it is.
    `create table if not exists ${t.job} (
  source varchar(255) not null,
  id uuid not null,
  state varchar(16) not null,
  verb varchar(16) not null,
  filter text not null,
  actor text not null,
  reason text,
  deadline_ms bigint,
  force boolean not null,
  rate int not null,
  matching int not null,
  last_id uuid not null,
  last_consumer varchar(255) collate "C" not null,
  changed int not null,
  refused int not null,
  refusals jsonb not null,
  lease_token uuid,
  leased_until timestamptz not null,
  started_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  constraint ${t.named('outbox_job_pkey')} primary key (source, id)
)`,
    `create table if not exists ${t.version} (
  version int not null,
  installed_at timestamptz not null default clock_timestamp(),
  constraint ${t.named('outbox_schema_pkey')} primary key (version)
)`,
    `insert into ${t.version} (version)
values (1)
on conflict do nothing`,
  ];
}

export function dropStatements(t: Tables): string[] {
  const droppedTables = [
    t.version,
    t.job,
    t.pause,
    t.audit,
    t.handler,
    t.inbox,
    t.followUp,
    t.history,
    t.delivery,
    t.message,
  ];
  return [...droppedTables.map((table) => `drop table if exists ${table}`), `drop function if exists ${t.legal}`];
}
