import { Client } from 'pg';
import type { DatabaseUrls } from './rig';

export interface AuditRigOptions {
  /** Must everything have come to its end? @default true */
  readonly settled?: boolean;
  /** Messages that are meant to be parked. */
  readonly parked?: readonly string[];
  /** Purchases whose recording was acknowledged: each must be there. */
  readonly acknowledged?: readonly string[];
}

/** The arrows of the state chart (docs/protocol.md). Written down by hand: this file shares nothing with the library. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  pending: ['sent', 'cancelling', 'parked', 'completed', 'compensated', 'answered'],
  sent: ['pending', 'cancelling', 'parked', 'completed', 'compensated', 'answered'],
  cancelling: ['parked', 'completed', 'compensated', 'answered'],
  answered: ['parked', 'completed', 'compensated'],
  parked: ['pending', 'cancelling', 'answered', 'completed', 'compensated', 'discarded'],
};

/**
 * Asks both databases, in SQL and without a line of the library, whether the promise held: money is conserved, there is
 * one order for every accepted message and none for any other, verdict and state agree on both sides, follow-ups ran
 * exactly once, no state was left against an arrow, and nothing is open.
 * @returns what is wrong, one sentence each
 */
export async function auditRig(
  { databaseUrls }: { databaseUrls: DatabaseUrls },
  { settled = true, parked = [], acknowledged = [] }: AuditRigOptions = {},
): Promise<string[]> {
  // The producer first: what it saw decided must be there in the consumer's database, also while work goes on.
  const producer = await read(databaseUrls.producer, producerSide);
  const consumer = await read(databaseUrls.consumer, consumerSide);
  const problems: string[] = [...producer.problems];
  const claim = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };

  const orders = new Map(consumer.orders.map((each) => [each.purchaseId, each]));
  const verdicts = new Map(consumer.verdicts.map(({ messageId, verdict }) => [messageId, verdict]));
  const purchases = new Set(producer.purchases.map(({ id }) => id));
  problems.push(...inversions(producer.purchases, orders));
  for (const id of acknowledged) claim(purchases.has(id), `purchase ${id} was acknowledged, and is not there`);
  for (const { id, messageId, amount, status, noFollowUp, state, verdict, ...times } of producer.purchases) {
    const name = `purchase ${id} (message ${messageId}, ${state})`;
    const order = orders.get(id);
    const stored = verdicts.get(messageId);
    orders.delete(id);
    verdicts.delete(messageId);
    claim(times.messages === 1, `${name} has ${times.messages} messages`);
    claim(times.debits === 1, `${name} was debited ${times.debits} times`);
    const followedUp = noFollowUp ? undefined : state;
    claim(times.refunds === (followedUp === 'compensated' ? 1 : 0), `${name} was refunded ${times.refunds} times`);
    claim(
      times.completions === (followedUp === 'completed' ? 1 : 0),
      `${name} was completed ${times.completions} times`,
    );
    claim(status === statusOf(followedUp), `${name} has the status ${status}`);
    claim((order?.times ?? 0) === (stored === 'accepted' ? 1 : 0), `${name}: ${stored}, ${order?.times ?? 0} orders`);
    if (order) claim(order.amount === amount, `${name} cost ${amount}, its order ${order.amount}`);
    if (verdict !== null) claim(verdict === stored, `${name}: the producer knows ${verdict}, the consumer ${stored}`);
    if (parked.includes(messageId)) claim(state === 'parked', `${name} is not parked`);
    else if (settled) claim(['completed', 'compensated', 'discarded'].includes(state), `${name} is still open`);
  }
  if (settled) {
    for (const id of orders.keys()) problems.push(`the order for purchase ${id} has no purchase`);
    for (const id of verdicts.keys()) problems.push(`the verdict on message ${id} has no purchase`);
  }
  return problems;
}

/** Of one account the purchases were committed in the order of their places, and its orders, where they are to be in order. */
function inversions(purchases: readonly PurchaseRow[], orders: ReadonlyMap<string, { place: number }>): string[] {
  const last = new Map<string, { id: string; place: number }>();
  return purchases.flatMap(({ id, accountId, inLine }) => {
    const place = inLine ? orders.get(id)?.place : undefined;
    if (place === undefined) return [];
    const before = last.get(accountId);
    last.set(accountId, { id, place });
    if (!before || before.place < place) return [];
    return [`the order for purchase ${id} came before that for purchase ${before.id}, which was recorded first`];
  });
}

interface PurchaseRow {
  readonly id: string;
  readonly messageId: string;
  readonly amount: number;
  readonly status: string;
  readonly noFollowUp: boolean;
  readonly inLine: boolean;
  readonly accountId: string;
  readonly messages: number;
  readonly debits: number;
  readonly refunds: number;
  readonly completions: number;
  readonly state: string;
  readonly verdict: string | null;
}

async function producerSide(client: Client): Promise<{ purchases: PurchaseRow[]; problems: string[] }> {
  const { rows: purchases } = await client.query<PurchaseRow>(
    `with moved as (
       select purchase_id,
              count(*) filter (where kind = 'debit')::int as debits,
              count(*) filter (where kind = 'refund')::int as refunds,
              count(*) filter (where kind = 'completion')::int as completions
         from movement
        group by purchase_id
     ),
     announced as (
       select payload ->> 'purchaseId' as purchase_id, count(*)::int as messages,
              bool_or(type in ('purchase.noted', 'purchase.noted-in-line')) as no_follow_up,
              bool_or(type in ('purchase.in-line', 'purchase.noted-in-line')) as in_line
         from outbox_message
        group by 1
     )
     select p.id, p.message_id as "messageId", p.amount::float8, p.status, d.state, d.verdict,
            coalesce(a.messages, 0) as messages, coalesce(a.no_follow_up, false) as "noFollowUp",
            coalesce(a.in_line, false) as "inLine", p.account_id as "accountId", coalesce(m.debits, 0) as debits,
            coalesce(m.refunds, 0) as refunds, coalesce(m.completions, 0) as completions
       from purchase p
       left join moved m on m.purchase_id = p.id
       left join announced a on a.purchase_id = p.id::text
       left join outbox_delivery d on d.message_id = p.message_id
      order by p.place`,
  );
  const { rows: accounts } = await client.query<{ id: string; deposited: number; found: number }>(
    `select a.id, a.deposited::float8,
            (a.balance + coalesce(sum(case m.kind when 'debit' then m.amount when 'refund' then -m.amount end), 0))::float8 as found
       from account a
       left join movement m on m.account_id = a.id
      group by a.id`,
  );
  const { rows: stray } = await client.query<{ id: string }>(
    'select id from outbox_message where not exists (select from purchase where message_id = outbox_message.id)',
  );
  const { rows: steps } = await client.query<{ before: string; after: string; messageId: string }>(
    `select before, after, min(message_id::text) as "messageId" from transition group by before, after`,
  );
  return {
    purchases,
    problems: [
      ...accounts
        .filter(({ deposited, found }) => deposited !== found)
        .map(({ id, deposited, found }) => `account ${id}: ${deposited} deposited, ${found} accounted for`),
      ...stray.map(({ id }) => `message ${id} has no purchase`),
      ...steps
        .filter(({ before, after }) => !ARROWS[before]?.includes(after))
        .map(({ before, after, messageId }) => `message ${messageId} went from ${before} to ${after}`),
    ],
  };
}

async function consumerSide(client: Client) {
  const { rows: orders } = await client.query<{ purchaseId: string; times: number; amount: number; place: number }>(
    `select purchase_id as "purchaseId", count(*)::int as times, max(amount)::float8 as amount,
            min(place)::float8 as place
       from orders group by purchase_id`,
  );
  const { rows: verdicts } = await client.query<{ messageId: string; verdict: string }>(
    'select message_id as "messageId", verdict from inbox_message',
  );
  return { orders, verdicts };
}

function statusOf(state: string | undefined): string {
  if (state === 'completed') return 'completed';
  return state === 'compensated' ? 'refunded' : 'pending';
}

/** One snapshot per database. */
async function read<T>(url: string, look: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, application_name: 'audit' });
  client.on('error', () => {}); // the database is ended on purpose; the query says so
  await client.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    return await look(client);
  } finally {
    await client.end();
  }
}
