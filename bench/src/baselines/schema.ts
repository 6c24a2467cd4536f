/** The tables of an outbox written by hand: one row per message holds both what is sent and how far it is. */
export const OUTBOX_SCHEMA = `
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
`;

export const INBOX_SCHEMA = `
create table inbox (message_id uuid primary key, received_at timestamptz not null default clock_timestamp());
`;

export const OUTBOX_TABLES = ['outbox'];
