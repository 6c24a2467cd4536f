import { type Ask, connectDatabase } from '@tallystick/services';
import type { DatabaseUrls } from '../rig/rig';
import { counted, textAt } from '../rig/sql';

/** What both databases say when everything is quiet. All of it must be 0 but the first three. */
export interface Findings {
  readonly messages: number;
  readonly endings: Readonly<Record<string, number>>;
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

/** The arrows of the chart of states (docs/protocol.md), typed by hand. */
const ARROWS = `
  ('pending', 'sent'), ('pending', 'cancelling'), ('pending', 'parked'),
  ('pending', 'completed'), ('pending', 'compensated'), ('pending', 'answered'),
  ('sent', 'pending'), ('sent', 'cancelling'), ('sent', 'parked'),
  ('sent', 'completed'), ('sent', 'compensated'), ('sent', 'answered'),
  ('cancelling', 'parked'), ('cancelling', 'completed'), ('cancelling', 'compensated'), ('cancelling', 'answered'),
  ('answered', 'completed'), ('answered', 'compensated'), ('answered', 'parked'),
  ('parked', 'pending'), ('parked', 'cancelling'), ('parked', 'answered'),
  ('parked', 'completed'), ('parked', 'compensated'), ('parked', 'discarded')`;

const ENDINGS = 'select state, count(*) as times from outbox_delivery group by state order by state';
const MESSAGES = 'select count(*) as count from outbox_message';
/** Purchases that are there once, with one message and one debit. */
const WHOLE = `
  select p.id
    from purchase p
   where (select count(*) from outbox_message m where m.id = p.message_id) = 1
     and (select count(*) from movement m where m.purchase_id = p.id and m.kind = 'debit') = 1
   group by p.id
  having count(*) = 1`;
const TWO_FOLLOW_UPS = `
  select count(*) as count
    from (select purchase_id from movement where kind <> 'debit' group by purchase_id having count(*) > 1) twice`;
const TWO_ORDERS = `
  select count(*) as count from (select message_id from orders group by message_id having count(*) > 1) twice`;
const MONEY = `
  select (select sum(deposited) from account)
       - (select coalesce(sum(amount), 0) from movement where kind = 'debit')
       + (select coalesce(sum(amount), 0) from movement where kind = 'refund')
       - (select sum(balance) from account) as count`;
const TRANSITIONS = 'select count(*) as count from transition';
const ILLEGAL = `select count(*) as count from transition where (old_state, new_state) not in (${ARROWS})`;

/** Both sides of every delivery, each with the key of the other. Nothing follows what was only noted. */
const DELIVERIES = `
  select d.message_id as "messageId", p.id as "purchaseId", d.state, d.verdict, m.type
    from outbox_delivery d
    join outbox_message m on m.id = d.message_id
    left join purchase p on p.message_id = d.message_id`;
const MOVEMENTS = 'select purchase_id as id, kind, count(*) as times from movement group by purchase_id, kind';
const VERDICTS = 'select message_id as "messageId", verdict from inbox_message';
const ORDERED = 'select distinct message_id as "messageId" from orders';

interface Delivery {
  readonly messageId: string;
  readonly purchaseId: string | null;
  readonly state: string;
  readonly verdict: string | null;
  readonly type: string;
}

/** Asks both databases, in SQL and without a line of the library. @param acknowledged ids of purchases */
export async function ask(databaseUrls: DatabaseUrls, acknowledged: readonly string[]): Promise<Findings> {
  const producer = await connectDatabase(databaseUrls.producer, 'oracles');
  try {
    const consumer = await connectDatabase(databaseUrls.consumer, 'oracles');
    try {
      const whole = new Set((await producer.ask<{ id: string }>(WHOLE)).map(({ id }) => id));
      const endings = await producer.ask<{ state: string; times: string }>(ENDINGS);
      const poison = textAt(producer.kind, 'm.payload', 'script', 'poison');
      return {
        messages: await number(producer.ask, MESSAGES),
        endings: Object.fromEntries(endings.map(({ state, times }) => [state, Number(times)])),
        transitions: await number(producer.ask, TRANSITIONS),
        lost: acknowledged.filter((id) => !whole.has(id)).length,
        open: await number(producer.ask, openBut(poison)),
        duplicateEffects: (await number(producer.ask, TWO_FOLLOW_UPS)) + (await number(consumer.ask, TWO_ORDERS)),
        mismatchedVerdicts: mismatches(await producerSide(producer.ask), await consumerSide(consumer.ask)),
        moneyDifference: await number(producer.ask, MONEY),
        illegalTransitions: await number(producer.ask, ILLEGAL),
      };
    } finally {
      await consumer.end();
    }
  } finally {
    await producer.end();
  }
}

function openBut(poison: string): string {
  return `
  select count(*) as count
    from outbox_delivery d
    join outbox_message m on m.id = d.message_id
   where d.settled_at is null
     and (d.state <> 'parked' or ${poison} is null)`;
}

/** A delivery, and what was moved for its purchase. */
type ProducerSide = Delivery & { readonly moved: string };

async function producerSide(ask: Ask): Promise<ProducerSide[]> {
  const rows = await ask<{ id: string; kind: string; times: string }>(MOVEMENTS);
  const moved = counted(rows, ({ kind, id }) => `${kind} ${id}`);
  const movedFor = (id: string | null): string =>
    ['completion', 'debit', 'refund'].flatMap((kind) => Array(moved.get(`${kind} ${id}`) ?? 0).fill(kind)).join(' ');
  return (await ask<Delivery>(DELIVERIES)).map((row) => ({ ...row, moved: movedFor(row.purchaseId) }));
}

interface ConsumerSide {
  readonly verdict: string | null;
  readonly ordered: boolean;
}

async function consumerSide(ask: Ask): Promise<Map<string, ConsumerSide>> {
  const ordered = new Set((await ask<{ messageId: string }>(ORDERED)).map(({ messageId }) => messageId));
  const verdicts = await ask<{ messageId: string; verdict: string }>(VERDICTS);
  return new Map<string, ConsumerSide>([
    ...[...ordered].map((id) => [id, { verdict: null, ordered: true }] as const),
    ...verdicts.map(({ messageId, verdict }) => [messageId, { verdict, ordered: ordered.has(messageId) }] as const),
  ]);
}

/** What the other side must look like, by the state of a delivery. Parked ones have no verdict yet, on either side. */
const AGREED: Readonly<Record<string, { verdict: string | null; moved: string; ordered: boolean }>> = {
  completed: { verdict: 'accepted', moved: 'completion debit', ordered: true },
  compensated: { verdict: 'rejected', moved: 'debit refund', ordered: false },
  parked: { verdict: null, moved: 'debit', ordered: false },
};

function mismatches(producer: readonly ProducerSide[], theirs: Map<string, ConsumerSide>): number {
  const wrong = producer.filter(({ messageId, state, verdict, type, moved }) => {
    const other = theirs.get(messageId);
    theirs.delete(messageId);
    const agreed = AGREED[state];
    return !(
      agreed &&
      verdict === agreed.verdict &&
      (other?.verdict ?? null) === agreed.verdict &&
      moved === (type === 'purchase.noted' ? 'debit' : agreed.moved) &&
      (other?.ordered ?? false) === agreed.ordered
    );
  });
  return wrong.length + theirs.size; // what is left over there was never recorded here
}

async function number(ask: Ask, sql: string): Promise<number> {
  return Number((await ask<{ count: string }>(sql))[0]!.count);
}
