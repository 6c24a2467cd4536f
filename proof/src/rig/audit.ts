import { type Ask, connectDatabase, type DatabaseClient } from '@tallystick/services';
import type { DatabaseUrls } from './rig';
import { counted, textAt } from './sql';

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

type Kind = DatabaseClient['kind'];
/** What is large arrives as text. */
type Big<Name extends string> = Readonly<Record<Name, string>>;

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

/** Followed up by nobody, and in order. */
const NOTED = ['purchase.noted', 'purchase.noted-in-line'];
const IN_LINE = ['purchase.in-line', 'purchase.noted-in-line'];

async function producerSide(ask: Ask, kind: Kind): Promise<{ purchases: PurchaseRow[]; problems: string[] }> {
  const purchases = await ask<
    Pick<PurchaseRow, 'id' | 'messageId' | 'accountId' | 'status' | 'state' | 'verdict'> & Big<'amount'>
  >(
    `select p.id, p.message_id as "messageId", p.account_id as "accountId", p.amount, p.status, d.state, d.verdict
       from purchase p
       left join outbox_delivery d on d.message_id = p.message_id
      order by p.place`,
  );
  const moved = counted(
    await ask<{ id: string; kind: string; times: string }>(
      'select purchase_id as id, kind, count(*) as times from movement group by purchase_id, kind',
    ),
    (row) => `${row.kind} ${row.id}`,
  );
  const announced = await ask<{ id: string; type: string; times: string }>(
    `select ${textAt(kind, 'payload', 'purchaseId')} as id, type, count(*) as times from outbox_message group by 1, 2`,
  );
  const messages = counted(announced, ({ id }) => id);
  const idsOf = (types: readonly string[]): Set<string> =>
    new Set(announced.filter(({ type }) => types.includes(type)).map(({ id }) => id));
  const [noted, inLine] = [idsOf(NOTED), idsOf(IN_LINE)];
  const accounts = await ask<{ id: string } & Big<'deposited' | 'found'>>(
    `select a.id, a.deposited, a.balance + coalesce(m.spent, 0) as found
       from account a
       left join (
         select account_id, sum(case kind when 'debit' then amount when 'refund' then -amount else 0 end) as spent
           from movement
          group by account_id
       ) m on m.account_id = a.id`,
  );
  const stray = await ask<{ id: string }>(
    'select id from outbox_message m where not exists (select 1 from purchase p where p.message_id = m.id)',
  );
  const steps = await ask<{ before: string; after: string; messageId: string }>(
    `select old_state as "before", new_state as "after", min(cast(message_id as char(36))) as "messageId"
       from transition
      group by old_state, new_state`,
  );
  return {
    purchases: purchases.map((row) => ({
      ...row,
      amount: Number(row.amount),
      messages: messages.get(row.id) ?? 0,
      noFollowUp: noted.has(row.id),
      inLine: inLine.has(row.id),
      debits: moved.get(`debit ${row.id}`) ?? 0,
      refunds: moved.get(`refund ${row.id}`) ?? 0,
      completions: moved.get(`completion ${row.id}`) ?? 0,
    })),
    problems: [
      ...accounts
        .filter(({ deposited, found }) => Number(deposited) !== Number(found))
        .map(({ id, deposited, found }) => `account ${id}: ${deposited} deposited, ${found} accounted for`),
      ...stray.map(({ id }) => `message ${id} has no purchase`),
      ...steps
        .filter(({ before, after }) => !ARROWS[before]?.includes(after))
        .map(({ before, after, messageId }) => `message ${messageId} went from ${before} to ${after}`),
    ],
  };
}

async function consumerSide(ask: Ask) {
  const orders = await ask<{ purchaseId: string } & Big<'times' | 'amount' | 'place'>>(
    `select purchase_id as "purchaseId", count(*) as times, max(amount) as amount, min(place) as place
       from orders
      group by purchase_id`,
  );
  const verdicts = await ask<{ messageId: string; verdict: string }>(
    'select message_id as "messageId", verdict from inbox_message',
  );
  return {
    orders: orders.map(({ purchaseId, times, amount, place }) => ({
      ...{ purchaseId, times: Number(times), amount: Number(amount), place: Number(place) },
    })),
    verdicts,
  };
}

function statusOf(state: string | undefined): string {
  if (state === 'completed') return 'completed';
  return state === 'compensated' ? 'refunded' : 'pending';
}

/** One snapshot per database. */
async function read<T>(url: string, look: (ask: Ask, kind: Kind) => Promise<T>): Promise<T> {
  const client = await connectDatabase(url, 'audit');
  try {
    return await client.atOneMoment((ask) => look(ask, client.kind));
  } finally {
    await client.end();
  }
}
