import { randomUUID } from 'node:crypto';
import { Cleanup, testDatabase } from '@tallystick/services';
import { Client } from 'pg';
import { auditRig } from './audit';
import type { Side } from './rig-process';
import { createTables } from './tables';

/** An oracle that cannot say no proves nothing: here each of its claims is broken once, by hand. */
describe('the audit of the rig', () => {
  const cleanup = new Cleanup();
  const sold = { purchase: randomUUID(), message: randomUUID() };
  const undone = { purchase: randomUUID(), message: randomUUID() };
  let databaseUrls: Record<Side, string>;
  let clients: Record<Side, Client>;

  beforeAll(async () => {
    databaseUrls = { producer: await testDatabase('audit'), consumer: await testDatabase('audit') };
    await createTables(databaseUrls);
    clients = { producer: await connected(databaseUrls.producer), consumer: await connected(databaseUrls.consumer) };
    await clients.producer.query(WORLD.producer(sold, undone));
    await clients.consumer.query(WORLD.consumer(sold, undone));
  });
  afterAll(() => cleanup.run());

  it('has nothing to say about two purchases that came to their ends', async () => {
    expect(await auditRig({ databaseUrls })).toEqual([]);
  });

  it('expects nothing to follow where the producer does nothing about the verdict', async () => {
    const noted = `
      update outbox_message set type = 'purchase.noted';
      delete from movement where kind <> 'debit';
      update account set balance = balance - 100;
      update purchase set status = 'pending'`;
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
    ['a second order', 'consumer', 'insert into orders select * from orders', /accepted, 2 orders/],
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
      `insert into transition (message_id, before, after) select message_id, 'completed', 'pending' from outbox_delivery`,
      /went from completed to pending/,
    ],
    [
      'a delivery that is open',
      'producer',
      "update outbox_delivery set state = 'sent', verdict = null, settled_at = null, next_at = now()",
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
      values ('${undone.message}', '${undone.purchase}', '${ACCOUNT}', 100, 0)`;
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
  async function told(side: Side, lie: string, look: () => Promise<void>): Promise<void> {
    await clients[side].query(lie);
    try {
      await look();
    } finally {
      await clients[side].query(`truncate ${TABLES[side]}`);
      await clients[side].query(WORLD[side](sold, undone));
    }
  }

  async function connected(url: string): Promise<Client> {
    const client = new Client({ connectionString: url });
    await client.connect();
    cleanup.defer(() => client.end());
    return client;
  }
});

interface Ids {
  readonly purchase: string;
  readonly message: string;
}

const ACCOUNT = randomUUID();

const TABLES: Record<Side, string> = {
  producer: 'account, purchase, movement, transition, outbox_message, outbox_delivery',
  consumer: 'orders, inbox_message',
};

/** One purchase that was completed and one that was refunded, as both databases should tell it. */
const WORLD: Record<Side, (sold: Ids, undone: Ids) => string> = {
  producer: (sold, undone) => `
    insert into account values ('${ACCOUNT}', 1000, 900);
    insert into purchase values
      ('${sold.purchase}', '${ACCOUNT}', 100, 'completed', '${sold.message}'),
      ('${undone.purchase}', '${ACCOUNT}', 100, 'refunded', '${undone.message}');
    insert into movement values
      ('${sold.purchase}', '${ACCOUNT}', 'debit', 100),
      ('${sold.purchase}', '${ACCOUNT}', 'completion', 100),
      ('${undone.purchase}', '${ACCOUNT}', 'debit', 100),
      ('${undone.purchase}', '${ACCOUNT}', 'refund', 100);
    insert into outbox_message (id, aggregatetype, type, payload) values
      ('${sold.message}', 'rig-producer', 'purchase.made', '{"purchaseId":"${sold.purchase}"}'),
      ('${undone.message}', 'rig-producer', 'purchase.made', '{"purchaseId":"${undone.purchase}"}');
    insert into outbox_delivery (message_id, consumer, state, attempts, follow_up, verdict, settled_at) values
      ('${sold.message}', 'rig-consumer', 'completed', 1, 'both', 'accepted', now()),
      ('${undone.message}', 'rig-consumer', 'compensated', 1, 'both', 'rejected', now());`,
  consumer: (sold, undone) => `
    insert into orders values ('${sold.message}', '${sold.purchase}', '${ACCOUNT}', 100);
    insert into inbox_message (consumer, message_id, verdict, reason, source) values
      ('rig-consumer', '${sold.message}', 'accepted', null, 'rig-producer'),
      ('rig-consumer', '${undone.message}', 'rejected', '{"code":"NO"}', 'rig-producer');`,
};
