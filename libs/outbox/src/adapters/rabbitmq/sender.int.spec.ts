import { connectTestRabbit, testBroker, until } from '@tallystick/services';
import { type Channel, connect } from 'amqplib';
import { encode, type Envelope, type MessageEnvelope } from '../../message/envelope';
import { RabbitMqFixture } from '../../testing/rabbitmq.fixture';
import {
  answerTo,
  cancellation,
  ContractEndpoint,
  idOf,
  request,
  requests,
} from '../../testing/transport-contract-scenario';
import { bundleOf, memberOf } from './bundle';
import { toProperties } from './wire';

const EVERYTHING = { configure: '.*', write: '.*', read: '.*' };
/** Needs a broker on which we may create users; one that was given to us by AMQP_URL is left as it is. */
const given = (): boolean => !connectTestRabbit().supportsFaults;

describe('a transport that is told its broker user', () => {
  let vhost: string;
  let urls: Record<'orders' | 'users' | 'mallory', string>;
  let names: typeof urls;
  let fixture: RabbitMqFixture;
  let orders: ContractEndpoint;
  let users: ContractEndpoint;

  beforeAll(async () => {
    vhost = await testBroker('sender');
    if (given()) return;
    const add = async (name: string): Promise<string> =>
      connectTestRabbit().addUser({ name: `${name}-of-sender-spec`, vhost, ...EVERYTHING });
    urls = { orders: await add('orders'), users: await add('users'), mallory: await add('mallory') };
    names = Object.fromEntries(
      Object.entries(urls).map(([who, url]) => [who, new URL(url).username]),
    ) as unknown as typeof urls;
  });

  beforeEach(async () => {
    if (given()) return;
    fixture = new RabbitMqFixture(vhost);
    orders = new ContractEndpoint('order-service', [requests(5)]);
    users = new ContractEndpoint('user-service', []);
    const known = { 'order-service': names.orders, 'user-service': names.users };
    await fixture.connect('order-service', orders, { url: urls.orders, user: names.orders, users: known });
    users.transport = await fixture.connect('user-service', users, {
      url: urls.users,
      user: names.users,
      users: known,
    });
  });
  afterEach(() => fixture?.end());

  /** Publishes as this user, under the name given or none. Resolves when the broker has taken it. */
  async function send(
    as: keyof typeof urls,
    envelope: Envelope,
    userId: string | undefined,
    receiptTo = 'user-service',
  ): Promise<void> {
    const [exchange, key] =
      envelope.kind === 'receipt'
        ? ['outbox.receipts', receiptTo]
        : ['outbox.requests', envelope.kind === 'cancel' ? 'order-service.cancel' : 'order-service.order.requested'];
    const connection = await connect(urls[as]);
    connection.on('error', () => {}); // `waitForConfirms` rejects as well
    try {
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => {});
      const wire = encode(envelope);
      channel.publish(exchange, key, Buffer.from(wire.body), toProperties(wire, userId));
      await channel.waitForConfirms();
    } finally {
      await connection.close().catch(() => {});
    }
  }
  const receipt = (consumer = 'order-service'): Envelope => ({
    kind: 'receipt',
    to: 'user-service',
    receipt: { ...answerTo(request(), consumer), verdict: 'rejected', reason: { code: 'FORGED' } },
  });

  it('takes the receipts and cancels of the others', async () => {
    if (given()) return;
    const cancel = cancellation();
    expect(await users.transport.publish(request(), 'order-service')).toEqual({ kind: 'confirmed' });
    expect(await users.transport.publish(cancel, 'order-service')).toEqual({ kind: 'confirmed' });

    await until('both are answered', () => users.receipts.length === 2);
    expect(orders.received).toContainEqual(cancel);
    expect([...users.malformed, ...orders.malformed]).toEqual([]);
  });

  it.each([
    ['from nobody', 'mallory', undefined],
    ['from somebody else', 'mallory', 'mallory'],
    ['from its own user, in the name of the consumer', 'users', 'users'],
  ] as const)('puts a receipt %s aside and says why', async (_, as, userId) => {
    if (given()) return;
    const forged = receipt();

    await send(as, forged, userId && names[userId]);

    await until('it is reported', () => users.malformed.length === 1);
    expect(users.malformed[0]).toMatchObject({
      problem: expect.stringMatching(/^UNTRUSTED: it says it is from order-service/),
      untrusted: { messageId: forged.kind === 'receipt' && forged.receipt.messageId, consumer: 'order-service' },
    });
    expect(users.receipts).toEqual([]);
    const copy = await fixture.take('user-service.quarantine');
    expect(copy && copy.properties.userId).toBe(names.users); // who put it aside, by the broker's word
    expect(copy && copy.properties.headers).toMatchObject({
      outbox_problem: expect.stringMatching(/^UNTRUSTED/),
      outbox_exchange: 'outbox.receipts',
      ...(userId && { outbox_user: names[userId] }),
    });
    expect(await fixture.waiting('user-service.receipts')).toBe(0);
  });

  it.each<[string, () => Envelope]>([
    ['cancel', cancellation],
    ['message', request],
  ])('puts a %s aside that is from somebody else, and takes the next one', async (_, make) => {
    if (given()) return;
    const forged = make();

    await send('mallory', forged, names.mallory);
    await until('it is reported', () => orders.malformed.length === 1);
    await send('users', request(), names.users);

    await until('the message is handled', () => orders.received.length === 1);
    expect(orders.received[0]).toMatchObject({ kind: 'message' });
    expect(orders.malformed[0]).toMatchObject({
      problem: expect.stringMatching(/^UNTRUSTED: it says it is from user-service/),
      untrusted: { messageId: idOf(forged as MessageEnvelope), consumer: 'order-service' },
    });
    expect(await fixture.waiting('order-service.quarantine')).toBe(1);
  });

  it('puts every member of a bundle aside that is from somebody else, whatever each says', async () => {
    if (given()) return;
    const [exchange, routingKey] = ['outbox.requests', 'order-service.order.requested'];
    const member = (userId: string) => {
      const wire = encode(request());
      return memberOf({ exchange, routingKey, body: Buffer.from(wire.body), properties: toProperties(wire, userId) });
    };
    const { body, properties } = bundleOf([member(names.mallory), member(names.users)]);
    const connection = await connect(urls.mallory);
    const channel = await connection.createConfirmChannel();
    channel.publish(exchange, routingKey, body, properties);
    await channel.waitForConfirms();
    await connection.close();

    await until('both are reported', () => orders.malformed.length === 2);
    for (const { problem } of orders.malformed) expect(problem).toMatch(/^UNTRUSTED: .*'mallory-of-sender-spec'/);
    expect(await fixture.waiting('order-service.quarantine')).toBe(2);
    expect(orders.received).toEqual([]);
    // Who sends sees it too; one that is not there ends nothing else.
    const services = ['nobody', 'order-service', 'user-service'];
    expect(await users.transport!.quarantined!(services)).toEqual(
      new Map([
        ['order-service', 2],
        ['user-service', 0],
      ]),
    );
    expect(users.transport!.ready).toBe(true);
  });

  it('puts a receipt aside that was for another service, and that a queue of somebody else has passed on', async () => {
    if (given()) return;
    const genuine = receipt();
    await fixture.admin(async (channel) => {
      const passingOn = { 'x-dead-letter-exchange': 'outbox.receipts', 'x-dead-letter-routing-key': 'user-service' };
      const options = { autoDelete: true, arguments: { 'x-message-ttl': 0, ...passingOn } };
      await channel.assertQueue('mallory.detour', options);
      await channel.bindQueue('mallory.detour', 'outbox.receipts', 'mail-service');
    });

    await send('orders', genuine, names.orders, 'mail-service');

    await until('it is reported', () => users.malformed.length === 1);
    expect(users.malformed[0]!.problem).toMatch(/^UNTRUSTED: .*another queue/);
    expect(users.receipts).toEqual([]);
    const copy = await fixture.take('user-service.quarantine');
    expect(copy && copy.properties.headers).toMatchObject({ outbox_user: names.orders });
    await fixture.admin((channel) => channel.deleteQueue('mallory.detour'));
  });

  it.each<[string, (channel: Channel) => Promise<unknown>]>([
    ['an exchange', (channel) => channel.bindExchange('outbox.receipts', 'outbox.quarantine', 'user-service')],
    [
      'a queue that passes on',
      async (channel) => {
        const passingOn = { 'x-dead-letter-exchange': 'outbox.receipts', 'x-message-ttl': 0 };
        await channel.assertQueue('mallory.loop', { arguments: passingOn });
        await channel.bindQueue('mallory.loop', 'outbox.quarantine', 'user-service');
      },
    ],
  ])('puts aside once what %s brings back from the quarantine', async (_, bind) => {
    if (given()) return;
    await fixture.admin(bind);

    await send('mallory', receipt(), names.mallory);

    await until('it has come back', () => users.malformed.length >= 2);
    await fixture.admin((channel) => channel.unbindExchange('outbox.receipts', 'outbox.quarantine', 'user-service'));
    await fixture.admin((channel) => channel.deleteQueue('mallory.loop'));
    await until('nothing is under way', async () => (await fixture.waiting('user-service.receipts')) === 0);
    await users.transport.close();
    expect(users.malformed).toHaveLength(2);
    expect(await fixture.waiting('user-service.quarantine')).toBe(1);
  });

  it('needs no check against a stolen name: the broker refuses it', async () => {
    if (given()) return;
    await expect(send('mallory', receipt(), names.orders)).rejects.toThrow();
    expect(users.receipts).toEqual([]);
  });
});
