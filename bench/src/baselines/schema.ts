import type { Engine } from '../engines/engine';

/** The tables of an outbox written by hand: one row per message holds both what is sent and how far it is. */
const OUTBOX: Readonly<Record<Engine, string>> = {
  postgres: `
create table outbox (
  id uuid primary key,
  type text not null,
  payload json not null,
  state text not null,
  attempts int not null,
  next_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  sent_at timestamptz,
  settled_at timestamptz
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index outbox_due on outbox (next_at) where next_at is not null;
`,
  mariadb: `
create table outbox (
  id uuid primary key,
  type varchar(255) not null,
  payload json not null,
  state varchar(16) not null,
  attempts int not null,
  next_at datetime(6),
  created_at datetime(6) not null default (utc_timestamp(6)),
  sent_at datetime(6),
  settled_at datetime(6),
  key outbox_due (next_at)
) engine = InnoDB;
`,
};

const INBOX: Readonly<Record<Engine, string>> = {
  postgres: `
create table inbox (message_id uuid primary key, received_at timestamptz not null default clock_timestamp());
`,
  mariadb: `
create table inbox (message_id uuid primary key, received_at datetime(6) not null default (utc_timestamp(6))) engine = InnoDB;
`,
};

export function outboxSchema(engine: Engine): string {
  return OUTBOX[engine];
}

export function inboxSchema(engine: Engine): string {
  return INBOX[engine];
}

export const OUTBOX_TABLES = ['outbox'];
