import { connectDatabase } from '@tallystick/services';
import { databaseOf } from './databases';
import { idType } from './sql';

/** Of `line`: accounts that share one wait for each other, which is no harm. */
export const LINES = 64;

/** No key and no check that would prevent, instead of the library, what the library promises to prevent. @param id the type of one */
const PRODUCER = (id: string): string[] => [
  `create table account (
    id ${id} primary key,
    deposited bigint not null,
    balance bigint not null check (balance >= 0)
  )`,
  `create table purchase (
    id ${id} primary key,
    account_id ${id} not null,
    amount bigint not null,
    status varchar(16) not null default 'pending',
    message_id ${id},
    place serial
  )`,
  'create index purchase_of on purchase (message_id)',
  `create table movement (
    purchase_id ${id} not null,
    account_id ${id} not null,
    kind varchar(16) not null check (kind in ('debit', 'refund', 'completion')),
    amount bigint not null
  )`,
  'create index movement_of on movement (purchase_id)',
  // Every change of a delivery's state, in the order in which they were made.
  `create table transition (
    id serial,
    message_id ${id} not null,
    old_state varchar(16) not null,
    new_state varchar(16) not null
  )`,
];

const CONSUMER = (id: string): string[] => [
  `create table orders (
    message_id ${id} not null,
    purchase_id ${id} not null,
    account_id ${id} not null,
    amount bigint not null,
    ordered_by varchar(255) not null default 'rig-producer',
    place serial
  )`,
  'create index orders_of on orders (purchase_id)',
  `create table announced (
    message_id ${id} not null,
    purchase_id ${id} not null
  )`,
  // Nothing but something to lock.
  'create table line (number integer primary key)',
  `insert into line values ${Array.from({ length: LINES }, (_, number) => `(${number})`).join(', ')}`,
];

/** Counts what was commanded to fail. Written outside of the transaction that fails. */
const FAILURES = (id: string): string[] => [
  `create table failure (
    purchase_id ${id} not null,
    step varchar(16) not null
  )`,
  'create index failure_of on failure (purchase_id, step)',
];

export async function createTables(databaseUrls: { producer: string; consumer: string }): Promise<void> {
  const [producer, consumer] = [databaseOf(databaseUrls.producer), databaseOf(databaseUrls.consumer)];
  const ids = { producer: idType(producer.kind), consumer: idType(consumer.kind) };
  await execute(databaseUrls.producer, [
    ...producer.outboxTables,
    ...FAILURES(ids.producer),
    ...PRODUCER(ids.producer),
    ...producer.noteTransitions,
  ]);
  await execute(databaseUrls.consumer, [
    ...consumer.outboxTables,
    ...FAILURES(ids.consumer),
    ...CONSUMER(ids.consumer),
  ]);
}

/** One statement after another, on one connection. */
export async function execute(url: string, statements: readonly string[]): Promise<void> {
  const client = await connectDatabase(url, 'rig');
  try {
    for (const statement of statements) await client.ask(statement);
  } finally {
    await client.end();
  }
}
