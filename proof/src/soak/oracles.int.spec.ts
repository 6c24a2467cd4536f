import { randomUUID } from 'node:crypto';
import { Cleanup, connectDatabase, type DatabaseClient, testDatabase } from '@tallystick/services';
import type { RigServer } from '../rig';
import { daysAgo, writeRow } from '../rig/by-hand';
import { serverForTest } from '../rig/databases/server.fixture';
import { createTables, execute } from '../rig/tables';
import { countSuppressed, watchArrivals } from './copies';
import { ask } from './oracles';

const ORDER = 'message_id, purchase_id, account_id, amount';

/** Oracles that never say anything would make a fine soak. So: each lie, told once, must be noticed. */
describe.each(['postgres', 'mariadb'] as const)('the oracles of the soak, on %s', (kind) => {
  const cleanup = new Cleanup();
  let server: RigServer;
  let urls: { producer: string; consumer: string };
  let producer: DatabaseClient;
  let consumer: DatabaseClient;
  const purchaseId = randomUUID();
  const messageId = randomUUID();
  const accountId = randomUUID();

  beforeAll(async () => {
    server = await serverForTest(kind, cleanup);
  });
  afterAll(() => cleanup.run());

  /** One purchase that was accepted, as both databases should have it. */
  beforeEach(async () => {
    urls = { producer: await server.createDatabase(), consumer: await server.createDatabase() };
    await createTables(urls);
    producer = await connectDatabase(urls.producer);
    consumer = await connectDatabase(urls.consumer);
    const of = { account_id: accountId, amount: 10 };
    await writeRow(producer, 'account', { id: accountId, deposited: 100, balance: 90 });
    await writeRow(producer, 'purchase', { id: purchaseId, ...of, status: 'completed', message_id: messageId });
    for (const move of ['debit', 'completion'])
      await writeRow(producer, 'movement', { purchase_id: purchaseId, ...of, kind: move });
    const message = { type: 'purchase.made', aggregatetype: 'rig-producer', payload: '{"script": {}}' };
    await writeRow(producer, 'outbox_message', { id: messageId, ...message });
    const delivery = { message_id: messageId, consumer: 'rig-consumer', follow_up: 'both', attempts: 1 };
    await writeRow(producer, 'outbox_delivery', { ...delivery, state: 'pending', next_at: daysAgo(0) });
    for (const change of [
      "state = 'sent'",
      "state = 'completed', verdict = 'accepted', next_at = null, settled_at = current_timestamp",
    ])
      await producer.ask(`update outbox_delivery set ${change}`);
    const row = { consumer: 'rig-consumer', message_id: messageId, verdict: 'accepted', source: 'rig-producer' };
    await writeRow(consumer, 'inbox_message', row);
    await writeRow(consumer, 'orders', { message_id: messageId, purchase_id: purchaseId, ...of });
  });

  afterEach(async () => {
    await Promise.all([producer.end(), consumer.end()]);
    for (const url of Object.values(urls)) await server.dropDatabase(url);
  });

  const CLEAN = {
    lost: 0,
    open: 0,
    duplicateEffects: 0,
    mismatchedVerdicts: 0,
    moneyDifference: 0,
    illegalTransitions: 0,
  };

  it('have nothing to say about what is right, and count it', async () => {
    expect(await ask(urls, [purchaseId])).toEqual({
      ...CLEAN,
      messages: 1,
      endings: { completed: 1 },
      transitions: 2,
    });
  });

  it.each([
    [
      'a message that is not there',
      'producer',
      ['delete from outbox_delivery', 'delete from outbox_message'],
      { lost: 1 },
    ],
    ['a second debit', 'producer', `insert into movement select * from movement where kind = 'debit'`, { lost: 1 }],
    [
      'a second order',
      'consumer',
      `insert into orders (${ORDER}) select ${ORDER} from orders`,
      { duplicateEffects: 1 },
    ],
    [
      'a second completion',
      'producer',
      `insert into movement select * from movement where kind = 'completion'`,
      { duplicateEffects: 1 },
    ],
    ['a verdict without its order', 'consumer', 'delete from orders', { mismatchedVerdicts: 1 }],
    ['an order without its verdict', 'consumer', 'delete from inbox_message', { mismatchedVerdicts: 1 }],
    [
      'another verdict here than there',
      'consumer',
      `update inbox_message set verdict = 'rejected', reason = '{"code": "NO"}'`,
      { mismatchedVerdicts: 1 },
    ],
    [
      'an order that nobody wanted',
      'consumer',
      `insert into orders (${ORDER}) values ('${randomUUID()}', '${randomUUID()}', '${randomUUID()}', 1)`,
      { mismatchedVerdicts: 1 },
    ],
    [
      'a follow-up that nobody declared',
      'producer',
      `update outbox_message set type = 'purchase.noted'`,
      { mismatchedVerdicts: 1 },
    ],
    ['money from nowhere', 'producer', 'update account set balance = 95', { moneyDifference: -5 }],
    [
      'a way back from the end',
      'producer',
      `update outbox_delivery set state = 'pending', verdict = null, next_at = current_timestamp, settled_at = null`,
      { illegalTransitions: 1, open: 1 },
    ],
  ] as const)('notice %s', async (_, side, lie, finding) => {
    for (const statement of [lie].flat()) await (side === 'producer' ? producer : consumer).ask(statement);
    expect(await ask(urls, [purchaseId])).toMatchObject(finding);
  });
});

it('copies that the unique key stopped are counted', async () => {
  const urls = { producer: await testDatabase('copies'), consumer: await testDatabase('copies') };
  await createTables(urls);
  await watchArrivals(urls.consumer);
  const row = `insert into inbox_message (consumer, message_id, verdict, source, received_at)
    values ('rig-consumer', '${randomUUID()}', 'accepted', 'rig-producer', now()) on conflict do nothing`;
  await execute(urls.consumer, [row, row]);
  expect(await countSuppressed(urls.consumer)).toBe(1);
});
