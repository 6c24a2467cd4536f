import { legalDelivery } from '../legal-delivery';
import { type MariaDbTableOptions, type MariaDbTables, tables } from './tables';

/** What this version of the library reads and writes. Every migration adds one. */
export const SCHEMA_VERSION = 1;

/** Which of the two reads the statements: what they call a collation that tells texts apart by every byte differs. */
export type Server = 'mariadb' | 'mysql';

/**
 * Names and keys are compared by every character, trailing blanks included: for the collations that a database comes with,
 * `order-1` and `ORDER-1` are one key, and the second message would be taken for a copy of the first.
 */
const EVERY_CHARACTER: Readonly<Record<Server, string>> = {
  mariadb: 'utf8mb4_nopad_bin',
  mysql: 'utf8mb4_0900_bin',
};

export interface MariaDbSchemaOptions extends MariaDbTableOptions {
  /** @default 'mariadb' */
  server?: Server;
}

/**
 * Everything the migrations do, as plain SQL, for those who do not let TypeORM change their databases. May be run again.
 * @throws InvalidOptionsError if a name is not on the allow-list
 */
export function mariaDbSchemaSql(options: MariaDbSchemaOptions = {}): string {
  return `${createStatements(tables(options), options.server).join(';\n\n')};\n`;
}

/** One statement each, in order. MariaDB commits each by itself: what was cut short is run again. */
export function createStatements(t: MariaDbTables, server: Server = 'mariadb'): string[] {
  const table = `engine = InnoDB row_format = dynamic default character set utf8mb4 collate ${EVERY_CHARACTER[server]}`;
  const id = 'char(36) character set ascii collate ascii_bin';
  return [
    // Payload and headers are text: drivers take a column of JSON apart, and 12345678901234567890 would come back rounded.
    `create table if not exists ${t.message} (
  id ${id} not null,
  aggregatetype varchar(255) not null,
  aggregateid varchar(255),
  type varchar(255) not null,
  payload longtext not null,
  headers longtext not null,
  created_at datetime(6) not null,
  primary key (id)
) ${table}`,
    // All times are UTC, whatever the time zone of a session. `source` is the message's: only so an index has what a service has due, in
    // order, and a claim locks no row that it does not take. `history` is null for most, and long texts are not kept in the row.
    `create table if not exists ${t.delivery} (
  message_id ${id} not null,
  consumer varchar(255) not null,
  source varchar(255) not null,
  state varchar(16) not null,
  attempts int not null,
  next_at datetime(6),
  lease_token ${id},
  follow_up varchar(8) not null,
  deadline_at datetime(6),
  give_up_at datetime(6),
  verdict varchar(8),
  reason longtext,
  result longtext,
  code varchar(255),
  last_error text,
  cancel_reason text,
  sent_at datetime(6),
  settled_at datetime(6),
  order_key char(64) character set ascii collate ascii_bin,
  order_no bigint,
  history longtext,
  primary key (message_id, consumer),
  key outbox_delivery_due (source, next_at),
  key outbox_delivery_state (source, state),
  key outbox_delivery_prunable (source, settled_at),
  key outbox_delivery_turn (order_key, settled_at, order_no),
  constraint outbox_delivery_legal check (${legalDelivery()})
) ${table}`,
    // Who is to be in order: the row's lock makes those who record one key wait for each other, and its number counts them.
    `create table if not exists ${t.turn} (
  order_key char(64) character set ascii collate ascii_bin not null,
  source varchar(255) not null,
  last_no bigint not null,
  drawn_at datetime(6) not null,
  primary key (order_key),
  key outbox_turn_drawn (source, drawn_at)
) ${table}`,
    // What the service knows: the follow-ups that some process of it has or had (R13).
    `create table if not exists ${t.followUp} (
  source varchar(255) not null,
  type varchar(255) not null,
  verdict varchar(8) not null,
  handler text not null,
  registered_at datetime(6) not null,
  primary key (source, type, verdict)
) ${table}`,
    `create table if not exists ${t.inbox} (
  consumer varchar(255) not null,
  message_id ${id} not null,
  source varchar(255) not null,
  verdict varchar(8) not null,
  reason longtext,
  result longtext,
  payload_hash char(64) character set ascii collate ascii_bin,
  received_at datetime(6) not null,
  primary key (consumer, message_id, source),
  key inbox_message_prunable (consumer, received_at),
  constraint inbox_message_verdict check ((verdict = 'accepted' and reason is null) or (verdict = 'rejected' and reason is not null))
) ${table}`,
    // What the service has handled: a queue outlives the handler that it was declared for.
    `create table if not exists ${t.handler} (
  consumer varchar(255) not null,
  type varchar(255) not null,
  handler text not null,
  registered_at datetime(6) not null,
  primary key (consumer, type)
) ${table}`,
    // What people did. The library only ever adds to it.
    `create table if not exists ${t.audit} (
  id bigint not null auto_increment,
  at datetime(6) not null,
  source varchar(255) not null,
  actor text not null,
  verb varchar(16) not null,
  target text not null,
  changed int not null,
  reason text,
  primary key (id),
  key outbox_audit_of (source, id)
) ${table}`,
    // What people have stopped sending: the empty text stands for every consumer, or every type. Nearly always empty.
    `create table if not exists ${t.pause} (
  source varchar(255) not null,
  consumer varchar(255) not null,
  type varchar(255) not null,
  since datetime(6) not null,
  actor text not null,
  reason text not null,
  primary key (source, consumer, type)
) ${table}`,
    // What people do to many deliveries at once, and how far it is.
    `create table if not exists ${t.job} (
  source varchar(255) not null,
  id ${id} not null,
  state varchar(16) not null,
  verb varchar(16) not null,
  filter text not null,
  actor text not null,
  reason text,
  deadline_ms bigint,
  forced tinyint not null,
  rate int not null,
  matching int not null,
  last_id ${id} not null,
  last_consumer varchar(255) not null,
  changed int not null,
  refused int not null,
  refusals longtext not null,
  lease_token ${id},
  leased_until datetime(6) not null,
  started_at datetime(6) not null,
  ended_at datetime(6),
  primary key (source, id)
) ${table}`,
    // `installation` tells this database from another one, and is the same on its replicas.
    `create table if not exists ${t.version} (
  version int not null,
  installation ${id} not null,
  installed_at datetime(6) not null,
  primary key (version)
) ${table}`,
    `insert into ${t.version} (version, installation, installed_at)
values (${SCHEMA_VERSION}, uuid(), utc_timestamp(6))
on duplicate key update version = ${SCHEMA_VERSION}`,
  ];
}

export function dropStatements(t: MariaDbTables): string[] {
  const all = [t.version, t.job, t.pause, t.audit, t.handler, t.inbox, t.followUp, t.turn, t.delivery, t.message];
  return all.map((table) => `drop table if exists ${table}`);
}
