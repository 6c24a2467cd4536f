import { randomUUID } from 'node:crypto';
import { Cleanup, testBroker, testDatabase, connectTestRabbit, until } from '@tallystick/services';
import { connect } from 'amqplib';
import { canAddBrokerUsers } from './broker-users';
import { proxied } from './proxied';
import { query } from './query';
import { ServiceProcess } from './service-process';
import { send, Shop } from './shop';
import { startServices } from './start-services';

/** What must never be read in a log. Each is planted in a place of its own, so that a leak says where it came from. */
const CANARIES = {
  brokerPassword: 'canary-broker-password',
  wrongPassword: 'canary-wrong-password',
  databasePassword: 'canary-database-password',
  signingKey: 'canary-signing-key-of-at-least-32-bytes',
  requestBody: 'canary-request-body',
  idempotencyKey: 'canary-idempotency-key',
  payload: 'canary-payload',
  malformedBody: 'canary-malformed-body',
  invalidPayload: 'canary-invalid-payload',
  amqpHeader: 'canary-amqp-header',
  badHeader: 'canary-bad-header',
  receiptBody: 'canary-receipt-body',
} as const;

describe('what the services write at their most talkative', () => {
  const cleanup = new Cleanup();
  const absent = !canAddBrokerUsers();
  afterAll(() => cleanup.run(), 60_000);

  it('holds no password, key, payload or header, whatever goes wrong', async () => {
    if (absent) return;
    const broker = await testBroker('secrets');
    const everything = { vhost: broker, configure: '.*', write: '.*', read: '.*' };
    const addUser = (name: string): Promise<string> =>
      connectTestRabbit().addUser({
        name: `${name}-${randomUUID()}`,
        password: CANARIES.brokerPassword,
        ...everything,
      });
    const [toBroker, toDatabase] = [await proxied(await addUser('users')), await proxied(await databaseOf('user'))];
    cleanup.defer(() => toBroker.proxy.close());
    cleanup.defer(() => toDatabase.proxy.close());
    const databaseUrls = { user: toDatabase.url, order: await databaseOf('order') };
    const services = await startServices({
      databaseUrls,
      transport: { amqpUrl: { user: toBroker.url, order: await addUser('orders') } },
      environment: { LOG_LEVEL: 'verbose', SIGNING_KEYS: `k1:${CANARIES.signingKey}` },
    });
    cleanup.stopLater(services);
    const { user, order } = services;
    const shop = new Shop(user.url, order.url);
    const says = (service: ServiceProcess, text: string): Promise<void> =>
      until(`${service.service} says '${text}'`, () => service.output.includes(text), { timeoutMs: 20_000 });

    // requests that are refused, and one that names what nobody sells
    const userId = await shop.createUser(1_000);
    const purchase = { userId, sku: CANARIES.payload, quantity: 1, amount: 100 };
    expect(await send('POST', `${user.url}/purchases`, `{"${CANARIES.requestBody}"`)).toMatchObject({ status: 400 });
    expect(await send('POST', `${user.url}/users`, { name: 7, [CANARIES.requestBody]: 1 })).toMatchObject({
      status: 400,
    });
    const unknown = await shop.purchase(purchase, CANARIES.idempotencyKey);
    expect(await shop.settled(unknown.body.id)).toMatchObject({ status: 'refunded' });

    // a handler whose statement the database refuses, with the row in the detail of its error
    await shop.setStock(CANARIES.payload, 10);
    await query(databaseUrls.order, `alter table orders add constraint no_canaries check (sku not like 'canary%')`);
    const failing = (await shop.purchase(purchase)).body;
    await says(order, 'inbox.deferred');
    const lastErrors = (): Promise<{ last_error: string | null }[]> =>
      query(databaseUrls.user, 'select last_error from outbox_delivery where message_id = $1', [failing.messageId]);
    await until('the producer knows why', async () => (await lastErrors())[0]!.last_error !== null);

    // what strangers send
    const connection = await connect(broker);
    cleanup.defer(() => connection.close());
    const channel = await connection.createConfirmChannel();
    const publish = (exchange: string, key: string, body: string, headers: object): void => {
      channel.publish(`outbox.${exchange}`, key, Buffer.from(body), { headers, replyTo: 'user-service' });
    };
    const envelope = {
      cloudEvents_specversion: '1.0',
      cloudEvents_id: randomUUID(),
      cloudEvents_type: 'order.requested',
      cloudEvents_source: 'user-service',
      cloudEvents_time: new Date().toISOString(),
      cloudEvents_attempt: 1,
      tenant: CANARIES.amqpHeader,
    };
    const toOrders = ['requests', 'order-service.order.requested'] as const;
    publish(...toOrders, CANARIES.malformedBody, { tenant: CANARIES.amqpHeader });
    publish(...toOrders, '{}', { ...envelope, cloudEvents_time: CANARIES.badHeader });
    publish(...toOrders, `{"sku": "${CANARIES.invalidPayload}"}`, envelope); // not signed
    publish(...toOrders, `{"${CANARIES.invalidPayload}`, { ...envelope, cloudEvents_id: randomUUID() });
    publish('receipts', 'user-service', CANARIES.receiptBody, { ...envelope, cloudEvents_type: 'outbox.receipt' });
    publish('receipts', 'user-service', receiptBody(), {
      ...envelope,
      cloudEvents_type: 'outbox.receipt',
      cloudEvents_source: 'order-service',
      cloudEvents_correlationid: randomUUID(),
    });
    await channel.waitForConfirms();
    // signed, by whoever can write into the database, and no order
    await query(
      databaseUrls.user,
      `with message as (
         insert into outbox_message (id, type, aggregatetype, payload, headers, created_at)
         values ($1, 'order.requested', 'user-service', $2::json, '{}', now())
       )
       insert into outbox_delivery (message_id, consumer, follow_up, state, attempts, next_at)
       values ($1, 'order-service', 'none', 'pending', 0, now())`,
      [randomUUID(), `{"sku": "${CANARIES.invalidPayload}"}`],
    );
    await says(order, 'inbox.malformed');
    await says(order, 'receipt.untrusted');
    await says(order, 'inbox.unprocessable');
    await says(user, 'inbox.malformed');
    await says(user, 'receipt.untrusted');

    // no broker, then no database, then a password that is wrong
    await toBroker.proxy.refuse(true);
    toBroker.proxy.cut();
    await says(user, 'transport.not-ready');
    await toDatabase.proxy.refuse(true);
    toDatabase.proxy.cut();
    // the relay asks for nothing while it could not send: a request finds out
    expect(await shop.getPurchase(failing.id)).toMatchObject({ status: 500 });
    await says(user, 'ExceptionsHandler');
    await toDatabase.proxy.refuse(false);
    const intruder = await withWrongPassword(broker, databaseUrls.user);
    await says(intruder, 'ACCESS_REFUSED');

    const kept = await lastErrors();
    expect(kept).toEqual([{ last_error: expect.stringContaining('no_canaries') }]);
    const written = [user.output, order.output, intruder.output, JSON.stringify(kept)].join('\n');
    expect(Object.entries(CANARIES).filter(([, canary]) => written.includes(canary))).toEqual([]);
    expect(intruder.output).not.toContain('Warning');
  }, 180_000);

  /** A database whose owner logs in with a password worth keeping. */
  async function databaseOf(side: string): Promise<string> {
    const url = await testDatabase(side);
    const name = new URL(url).pathname.slice(1);
    await query(url, `create role "owner_${name}" login password '${CANARIES.databasePassword}'`);
    await query(url, `alter database "${name}" owner to "owner_${name}"`);
    await query(url, `alter schema public owner to "owner_${name}"`);
    return Object.assign(new URL(url), { username: `owner_${name}`, password: CANARIES.databasePassword }).href;
  }

  /** A second user-service, which the broker does not let in. */
  async function withWrongPassword(broker: string, databaseUrl: string): Promise<ServiceProcess> {
    const intruder = new ServiceProcess('user-service', 'http://127.0.0.1', {
      ...{ NODE_ENV: 'test', HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'verbose', DATABASE_URL: databaseUrl },
      AMQP_URL: Object.assign(new URL(broker), { password: CANARIES.wrongPassword }).href,
    });
    cleanup.defer(() => intruder.stop());
    await intruder.start();
    return intruder;
  }

  function receiptBody(): string {
    const reason = { code: 'NO', message: CANARIES.receiptBody, details: CANARIES.receiptBody };
    return JSON.stringify({
      verdict: 'rejected',
      consumer: 'order-service',
      recordedAt: new Date().toISOString(),
      reason,
    });
  }
});
