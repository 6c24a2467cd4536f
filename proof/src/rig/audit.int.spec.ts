import { randomUUID } from 'node:crypto';
import { Cleanup, connectDatabase, type DatabaseClient } from '@tallystick/services';
import { auditRig } from './audit';
import { daysAgo, writeRow } from './by-hand';
import { serverForTest } from './databases/server.fixture';
import type { Side } from './rig-process';
import { createTables } from './tables';

const ORDER = 'message_id, purchase_id, account_id, amount';

/** An oracle that cannot say no proves nothing: here each of its claims is broken once, by hand. */
describe.each(['postgres', 'mariadb'] as const)('the audit of the rig, on %s', (kind) => {
  const cleanup = new Cleanup();
  const sold = { purchase: randomUUID(), message: randomUUID() };
  const undone = { purchase: randomUUID(), message: randomUUID() };
  let databaseUrls: Record<Side, string>;
  let clients: Record<Side, DatabaseClient>;

  beforeAll(async () => {
    const server = await serverForTest(kind, cleanup);
    databaseUrls = { producer: await server.createDatabase(), consumer: await server.createDatabase() };
    await createTables(databaseUrls);
    clients = { producer: await connected(databaseUrls.producer), consumer: await connected(databaseUrls.consumer) };
    await WORLD.producer(clients.producer, sold, undone);
    await WORLD.consumer(clients.consumer, sold, undone);
  });
  afterAll(() => cleanup.run());

  it('has nothing to say about two purchases that came to their ends', async () => {
    expect(await auditRig({ databaseUrls })).toEqual([]);
  });

  it('expects nothing to follow where the producer does nothing about the verdict', async () => {
    const noted = [
      "update outbox_message set type = 'purchase.noted'",
      "delete from movement where kind <> 'debit'",
      'update account set balance = balance - 100',
      "update purchase set status = 'pending'",
    ];
    await told('producer', noted, async () => expect(await auditRig({ databaseUrls })).toEqual([]));
  });

  it.each<[string, Side, string, RegExp]>([
    [
      'a follow-up that nobody declared',
      'producer',
      "update outbox_message set type = 'purchase.noted'",
      /completed 1 times/,
    ],
    ['money that is missing', 'producer', 'update account set balance = balance - 1', /accounted for/],
    [
      'a second debit',
      'producer',
      "insert into movement select * from movement where kind = 'debit'",
      /debited 2 times/,
    ],
    ['a second refund', 'producer', "insert into movement select * from movement where kind = 'refund'", /refunded 2 /],
    ['a refund that was not made', 'producer', "delete from movement where kind = 'refund'", /refunded 0 times/],
    [
      'a second completion',
      'producer',
      "insert into movement select * from movement where kind = 'completion'",
      /completed 2 /,
    ],
    ['a message that was lost', 'producer', 'delete from outbox_message', /has 0 messages/],
    ['a message without a purchase', 'producer', 'delete from purchase', /has no purchase/],
    ['a second order', 'consumer', `insert into orders (${ORDER}) select ${ORDER} from orders`, /accepted, 2 orders/],
    ['an order that is missing', 'consumer', 'delete from orders', /accepted, 0 orders/],
    ['another amount', 'consumer', 'update orders set amount = amount + 1', /cost 100, its order 101/],
    ['a verdict that is missing', 'consumer', 'delete from inbox_message', /the consumer undefined/],
    [
      'a verdict that flipped',
      'consumer',
      "update inbox_message set verdict = 'accepted', reason = null",
      /the producer knows rejected, the consumer accepted/,
    ],
    [
      'a state against the arrows',
      'producer',
      `insert into transition (message_id, old_state, new_state) select message_id, 'completed', 'pending' from outbox_delivery`,
      /went from completed to pending/,
    ],
    [
      'a delivery that is open',
      'producer',
      "update outbox_delivery set state = 'sent', verdict = null, settled_at = null, next_at = current_timestamp",
      /is still open/,
    ],
  ])('notices %s', async (_what, side, lie, sentence) => {
    await told(side, lie, async () => {
      expect((await auditRig({ databaseUrls })).join('\n')).toMatch(sentence);
    });
  });

  it.each([
    ['in line', 'purchase.in-line', 1],
    ['not in line', 'purchase.made', 0],
  ])(
    'notices orders of one account that came in another order than its purchases, if they were %s',
    async (_, type, times) => {
      const early = `insert into orders (message_id, purchase_id, account_id, amount, place)
      values ('${undone.message}', '${undone.purchase}', '${ACCOUNT}', 100, 1)`;
      await told('producer', `update outbox_message set type = '${type}'`, () =>
        told('consumer', early, async () => {
          const sentence = `the order for purchase ${undone.purchase} came before that for purchase ${sold.purchase}, which was recorded first`;
          expect((await auditRig({ databaseUrls })).filter((each) => each === sentence)).toHaveLength(times);
        }),
      );
    },
  );

  it('notices a purchase that was acknowledged and is not there', async () => {
    const missing = randomUUID();
    expect(await auditRig({ databaseUrls }, { acknowledged: [sold.purchase, missing] })).toEqual([
      `purchase ${missing} was acknowledged, and is not there`,
    ]);
  });

  /** The audit has connections of its own, so the lie is committed, and the tables are put back afterwards. */
  async function told(side: Side, lie: string | readonly string[], look: () => Promise<void>): Promise<void> {
    for (const statement of [lie].flat()) await clients[side].ask(statement);
    try {
      await look();
    } finally {
      for (const table of TABLES[side]) await clients[side].ask(`delete from ${table}`);
      await WORLD[side](clients[side], sold, undone);
    }
  }

  async function connected(url: string): Promise<DatabaseClient> {
    const client = await connectDatabase(url);
    cleanup.defer(() => client.end());
    return client;
  }
});

interface Ids {
  readonly purchase: string;
  readonly message: string;
}

const ACCOUNT = randomUUID();
const NO = '{"code":"NO"}';

/** Those that others refer to come last. */
const TABLES: Record<Side, readonly string[]> = {
  producer: ['account', 'purchase', 'movement', 'transition', 'outbox_delivery', 'outbox_message'],
  consumer: ['orders', 'inbox_message'],
};

/** One purchase that was completed and one that was refunded, as both databases should tell it. */
const WORLD: Record<Side, (client: DatabaseClient, sold: Ids, undone: Ids) => Promise<void>> = {
  producer: async (client, sold, undone) => {
    await writeRow(client, 'account', { id: ACCOUNT, deposited: 1000, balance: 900 });
    for (const [{ purchase, message }, state, verdict, status, kind] of [
      [sold, 'completed', 'accepted', 'completed', 'completion'],
      [undone, 'compensated', 'rejected', 'refunded', 'refund'],
    ] as const) {
      const of = { account_id: ACCOUNT, amount: 100 };
      await writeRow(client, 'purchase', { id: purchase, ...of, status, message_id: message });
      for (const each of ['debit', kind])
        await writeRow(client, 'movement', { purchase_id: purchase, ...of, kind: each });
      const payload = JSON.stringify({ purchaseId: purchase });
      const type = 'purchase.made';
      await writeRow(client, 'outbox_message', { id: message, aggregatetype: 'rig-producer', type, payload });
      const end = { state, attempts: 1, follow_up: 'both', verdict, settled_at: daysAgo(0) };
      await writeRow(client, 'outbox_delivery', {
        message_id: message,
        consumer: 'rig-consumer',
        ...end,
      });
    }
  },
  consumer: async (client, sold, undone) => {
    const { purchase, message } = sold;
    const order = { message_id: message, purchase_id: purchase, account_id: ACCOUNT, amount: 100, place: 2 };
    await writeRow(client, 'orders', order);
    const row = { consumer: 'rig-consumer', source: 'rig-producer' };
    await writeRow(client, 'inbox_message', { ...row, message_id: message, verdict: 'accepted' });
    await writeRow(client, 'inbox_message', { ...row, message_id: undone.message, verdict: 'rejected', reason: NO });
  },
};
