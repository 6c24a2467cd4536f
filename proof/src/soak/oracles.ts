import { Client } from 'pg';
import type { DatabaseUrls } from '../rig/rig';

/** What both databases say when everything is quiet. All of it must be 0 but the first four. */
export interface Findings {
  readonly messages: number;
  readonly endings: Readonly<Record<string, number>>;
  readonly duplicatesSuppressed: number;
  readonly transitions: number;
  /** Purchases whose recording was acknowledged, without exactly one message and one debit. */
  readonly lost: number;
  /** Deliveries that are neither final nor meant to be parked. */
  readonly open: number;
  /** Messages with more than one order, purchases with more than one completion or refund. */
  readonly duplicateEffects: number;
  /** Deliveries whose end, stored verdict and effects on both sides do not say the same. */
  readonly mismatchedVerdicts: number;
  /** Deposits − debits + refunds − balances. */
  readonly moneyDifference: number;
  /** Changes of state that the chart does not have. */
  readonly illegalTransitions: number;
}

/**
 * A trigger fires before `on conflict do nothing` finds a twin, so this writes down every copy that came as far as the
 * unique key and was not rolled back. What is there more than inbox rows was recognised as a duplicate.
 */
const ARRIVALS = `
  create table arrival (message_id uuid not null);
  create function note_arrival() returns trigger language plpgsql as $$
  begin
    insert into arrival values (new.message_id);
    return new;
  end $$;
  create trigger note_arrival before insert on inbox_message for each row execute function note_arrival()`;

/** Before the first message: counts from then on what reached the consumer's unique key. */
export async function watchArrivals(consumerUrl: string): Promise<void> {
  const client = new Client({ connectionString: consumerUrl });
  client.on('error', () => {}); // the database is ended on purpose; the query says so
  await client.connect();
  try {
    await client.query(ARRIVALS);
  } finally {
    await client.end();
  }
}

/** The arrows of the chart of states (docs/protocol.md), typed by hand. */
const ARROWS = `values
  ('pending', 'sent'), ('pending', 'cancelling'), ('pending', 'parked'),
  ('pending', 'completed'), ('pending', 'compensated'), ('pending', 'answered'),
  ('sent', 'pending'), ('sent', 'cancelling'), ('sent', 'parked'),
  ('sent', 'completed'), ('sent', 'compensated'), ('sent', 'answered'),
  ('cancelling', 'parked'), ('cancelling', 'completed'), ('cancelling', 'compensated'), ('cancelling', 'answered'),
  ('answered', 'completed'), ('answered', 'compensated'), ('answered', 'parked'),
  ('parked', 'pending'), ('parked', 'cancelling'), ('parked', 'answered'),
  ('parked', 'completed'), ('parked', 'compensated'), ('parked', 'discarded')`;

const ENDINGS = 'select state, count(*)::int as count from outbox_delivery group by state order by state';
const MESSAGES = 'select count(*)::int as count from outbox_message';
const LOST = `
  select count(*)::int as count
    from unnest($1::uuid[]) as acknowledged (id)
   where (select count(*) from purchase p join outbox_message m on m.id = p.message_id where p.id = acknowledged.id) <> 1
      or (select count(*) from movement where purchase_id = acknowledged.id and kind = 'debit') <> 1`;
const OPEN = `
  select count(*)::int as count
    from outbox_delivery d
    join outbox_message m on m.id = d.message_id
   where d.settled_at is null
     and (d.state <> 'parked' or m.payload -> 'script' ->> 'poison' is null)`;
const TWO_FOLLOW_UPS = `
  select count(*)::int as count
    from (select from movement where kind <> 'debit' group by purchase_id having count(*) > 1) as twice`;
const TWO_ORDERS = `
  select count(*)::int as count from (select from orders group by message_id having count(*) > 1) as twice`;
const MONEY = `
  select ((select sum(deposited) from account)
        - (select coalesce(sum(amount), 0) from movement where kind = 'debit')
        + (select coalesce(sum(amount), 0) from movement where kind = 'refund')
        - (select sum(balance) from account))::float8 as count`;
const TRANSITIONS = 'select count(*)::int as count from transition';
const ILLEGAL = `select count(*)::int as count from transition where (before, after) not in (${ARROWS})`;
const SUPPRESSED = `
  select ((select count(*) from arrival) - (select count(*) from inbox_message))::int as count`;

/** Both sides of every delivery: the producer's as rows, the consumer's as rows with the same key. Nothing follows what was only noted. */
const PRODUCER_SIDE = `
  select d.message_id, d.state, d.verdict, m.type <> 'purchase.noted' as followed_up,
         (select string_agg(kind, ' ' order by kind) from movement where purchase_id = p.id) as moved
    from outbox_delivery d
    join outbox_message m on m.id = d.message_id
    left join purchase p on p.message_id = d.message_id`;
const CONSUMER_SIDE = `
  select coalesce(i.message_id, o.message_id) as message_id, i.verdict, o.message_id is not null as ordered
    from inbox_message i
    full join (select distinct message_id from orders) o on o.message_id = i.message_id`;

interface ProducerSide {
  readonly message_id: string;
  readonly state: string;
  readonly verdict: string | null;
  readonly followed_up: boolean;
  readonly moved: string | null;
}

interface ConsumerSide {
  readonly message_id: string;
  readonly verdict: string | null;
  readonly ordered: boolean;
}

/** Asks both databases, in SQL and without a line of the library. */
export async function ask(databaseUrls: DatabaseUrls, acknowledged: readonly string[]): Promise<Findings> {
  return withClients(databaseUrls, async (producer, consumer) => {
    const endings = await producer.query<{ state: string; count: number }>(ENDINGS);
    return {
      messages: await number(producer, MESSAGES),
      endings: Object.fromEntries(endings.rows.map(({ state, count }) => [state, count])),
      duplicatesSuppressed: await number(consumer, SUPPRESSED),
      transitions: await number(producer, TRANSITIONS),
      lost: await number(producer, LOST, [acknowledged]),
      open: await number(producer, OPEN),
      duplicateEffects: (await number(producer, TWO_FOLLOW_UPS)) + (await number(consumer, TWO_ORDERS)),
      mismatchedVerdicts: mismatches(
        (await producer.query<ProducerSide>(PRODUCER_SIDE)).rows,
        (await consumer.query<ConsumerSide>(CONSUMER_SIDE)).rows,
      ),
      moneyDifference: await number(producer, MONEY),
      illegalTransitions: await number(producer, ILLEGAL),
    };
  });
}

/** What the other side must look like, by the state of a delivery. Parked ones have no verdict yet, on either side. */
const AGREED: Readonly<Record<string, { verdict: string | null; moved: string; ordered: boolean }>> = {
  completed: { verdict: 'accepted', moved: 'completion debit', ordered: true },
  compensated: { verdict: 'rejected', moved: 'debit refund', ordered: false },
  parked: { verdict: null, moved: 'debit', ordered: false },
};

function mismatches(producer: readonly ProducerSide[], consumer: readonly ConsumerSide[]): number {
  const theirs = new Map(consumer.map((row) => [row.message_id, row]));
  const wrong = producer.filter(({ message_id, state, verdict, followed_up, moved }) => {
    const other = theirs.get(message_id);
    theirs.delete(message_id);
    const agreed = AGREED[state];
    return !(
      agreed &&
      verdict === agreed.verdict &&
      (other?.verdict ?? null) === agreed.verdict &&
      moved === (followed_up ? agreed.moved : 'debit') &&
      (other?.ordered ?? false) === agreed.ordered
    );
  });
  return wrong.length + theirs.size; // what is left over there was never recorded here
}

async function number(client: Client, sql: string, values: unknown[] = []): Promise<number> {
  return (await client.query<{ count: number }>(sql, values)).rows[0]!.count;
}

async function withClients<T>(
  urls: DatabaseUrls,
  work: (producer: Client, consumer: Client) => Promise<T>,
): Promise<T> {
  const producer = new Client({ connectionString: urls.producer });
  const consumer = new Client({ connectionString: urls.consumer });
  for (const client of [producer, consumer]) client.on('error', () => {}); // the query says so
  try {
    await Promise.all([producer.connect(), consumer.connect()]);
    return await work(producer, consumer);
  } finally {
    await Promise.all([producer.end(), consumer.end()]);
  }
}
