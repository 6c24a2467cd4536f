import { randomUUID } from 'node:crypto';
import { testDatabase } from '@tallystick/services';
import { Client } from 'pg';
import { createTables } from '../rig/tables';
import { ask, watchArrivals } from './oracles';

/** Oracles that never say anything would make a fine soak. So: each lie, told once, must be noticed. */
describe('the oracles of the soak', () => {
  let urls: { producer: string; consumer: string };
  let producer: Client;
  let consumer: Client;
  const purchaseId = randomUUID();
  const messageId = randomUUID();

  /** One purchase that was accepted, as both databases should have it. */
  beforeEach(async () => {
    urls = { producer: await testDatabase('oracles'), consumer: await testDatabase('oracles') };
    await createTables(urls);
    await watchArrivals(urls.consumer);
    [producer, consumer] = [new Client(urls.producer), new Client(urls.consumer)];
    await Promise.all([producer.connect(), consumer.connect()]);
    await producer.query(`
      insert into account values ('${randomUUID()}', 100, 90);
      insert into purchase select '${purchaseId}', id, 10, 'completed', '${messageId}' from account;
      insert into movement select '${purchaseId}', id, 'debit', 10 from account;
      insert into movement select '${purchaseId}', id, 'completion', 10 from account;
      insert into outbox_message (id, type, aggregatetype, payload)
        values ('${messageId}', 'purchase.made', 'rig-producer', '{"script": {}}');
      insert into outbox_delivery (message_id, consumer, follow_up, state, attempts, next_at)
        values ('${messageId}', 'rig-consumer', 'both', 'pending', 1, now());
      update outbox_delivery set state = 'sent';
      update outbox_delivery set state = 'completed', verdict = 'accepted', next_at = null, settled_at = now()`);
    await consumer.query(`
      insert into inbox_message (consumer, message_id, verdict, source, received_at)
        values ('rig-consumer', '${messageId}', 'accepted', 'rig-producer', now());
      insert into orders values ('${messageId}', '${purchaseId}', '${randomUUID()}', 10)`);
  });

  afterEach(() => Promise.all([producer.end(), consumer.end()]));

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
      duplicatesSuppressed: 0,
    });
  });

  it('count the copies that the unique key stopped', async () => {
    await consumer.query('insert into inbox_message select * from inbox_message on conflict do nothing');
    expect(await ask(urls, [purchaseId])).toMatchObject({ ...CLEAN, duplicatesSuppressed: 1 });
  });

  it.each([
    ['a message that is not there', 'producer', 'delete from outbox_delivery; delete from outbox_message', { lost: 1 }],
    ['a second debit', 'producer', `insert into movement select * from movement where kind = 'debit'`, { lost: 1 }],
    ['a second order', 'consumer', 'insert into orders select * from orders', { duplicateEffects: 1 }],
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
      `insert into orders values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1)`,
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
      `update outbox_delivery set state = 'pending', verdict = null, next_at = now(), settled_at = null`,
      { illegalTransitions: 1, open: 1 },
    ],
  ] as const)('notice %s', async (_, side, lie, finding) => {
    await (side === 'producer' ? producer : consumer).query(lie);
    expect(await ask(urls, [purchaseId])).toMatchObject(finding);
  });
});
