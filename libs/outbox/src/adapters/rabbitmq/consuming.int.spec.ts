import { connectTestRabbit, until } from '@tallystick/services';
import { type BrokerBehindProxy, brokerBehindProxy, RabbitMqFixture } from '../../testing/rabbitmq.fixture';
import { ContractEndpoint, idOf, request, requests } from '../../testing/transport-contract-scenario';
import type { RabbitMqTransport } from './rabbitmq-transport';

const QUEUE = 'order-service.order.requested';
const QUARANTINE = 'order-service.quarantine';

describe('consuming', () => {
  let broker: BrokerBehindProxy;
  let fixture: RabbitMqFixture;
  let orders: ContractEndpoint;
  let users: ContractEndpoint;

  beforeAll(async () => {
    broker = await brokerBehindProxy('consuming');
  });
  afterAll(() => broker.proxy.close());

  beforeEach(() => {
    fixture = new RabbitMqFixture(broker.url, { adminUrl: broker.adminUrl });
    orders = new ContractEndpoint('order-service', [requests(5)]);
    users = new ContractEndpoint('user-service', []);
  });
  afterEach(async () => {
    await broker.proxy.refuse(false);
    orders.open();
    await fixture.end();
  });

  /** Both services; the producer is not behind the bad network. */
  async function start(idleResubscribe = '60s'): Promise<{ consumer: RabbitMqTransport; producer: RabbitMqTransport }> {
    const consumer = await fixture.connect('order-service', orders, { idleResubscribe });
    const producer = await fixture.connect('user-service', users, { url: broker.adminUrl });
    return { consumer, producer };
  }
  /** Publishes until the broker has it in a queue. */
  async function deliver(producer: RabbitMqTransport): Promise<string> {
    const sent = request();
    await until('it is routed', async () => (await producer.publish(sent, 'order-service')).kind === 'confirmed');
    return idOf(sent);
  }
  /** For what must *not* happen meanwhile. */
  const time = (ms: number): Promise<void> => {
    const since = performance.now();
    return until(`${ms} ms have passed`, () => performance.now() > since + ms);
  };
  const comes = (id: string): Promise<void> => until(`${id} is handled`, () => orders.receivedIds().includes(id));

  it('goes on after the connection broke while handlers ran, and does not run more than agreed', async () => {
    const { consumer, producer } = await start();
    orders.shut();
    const ids = await Promise.all(Array.from({ length: 8 }, () => deliver(producer)));
    await until('five are being handled', () => orders.running === 5);

    broker.proxy.cut();
    await until('the messages are back in the queue', async () => (await fixture.waiting(QUEUE)) === 8);
    await until('the idle queues are consumed again', () => consumer.describe().consumers.actual === 2);
    await time(1_000);
    expect(orders.received).toHaveLength(5); // the next session waits for these handlers
    orders.open();

    await until('all are done', async () => orders.running === 0 && new Set(orders.receivedIds()).size === 8);
    await until('and acknowledged', async () => (await fixture.waiting(QUEUE)) === 0);
    expect(new Set(orders.receivedIds())).toEqual(new Set(ids));
    expect(orders.mostRunning).toBe(5);
  });

  it('sends the answer of a handler that outlived its connection, when the broker is back within a moment', async () => {
    const { producer } = await start();
    orders.shut();
    const id = await deliver(producer);
    await until('it is being handled', () => orders.running === 1);

    await broker.proxy.refuse(true);
    broker.proxy.cut();
    orders.open();
    await until('the handler is done', () => orders.finished === 1);
    await broker.proxy.refuse(false);

    await until('its receipt comes', () => users.receipts.some(({ receipt }) => receipt.messageId === id));
    expect(fixture.events).not.toContainEqual(expect.objectContaining({ event: 'transport.receipt-not-sent' }));
  });

  it('acknowledges all the same if the answer cannot be sent: the producer will ask again', async () => {
    const { producer } = await start();
    await producer.stopConsuming(1_000); // or it would declare its queue again
    await fixture.admin((channel) => channel.deleteQueue('user-service.receipts'));
    await fixture.admin((channel) => channel.deleteExchange('outbox.receipts'));

    await deliver(producer);

    await until('it is counted', () => fixture.events.some(({ event }) => event === 'transport.receipt-not-sent'));
    expect(orders.finished).toBe(1);
    expect(await fixture.waiting(QUEUE)).toBe(0);
  });

  it('shows at the broker which database its service works on', async () => {
    if (!connectTestRabbit().supportsFaults) return; // a broker by URL: there is no rabbitmqctl for it
    const other = Object.assign(new ContractEndpoint('order-service', [requests(5)]), { database: 'another' });
    await fixture.connect('order-service', orders);
    await fixture.connect('order-service', other);
    const vhost = decodeURIComponent(new URL(broker.adminUrl).pathname.slice(1));
    const listed = await connectTestRabbit().ctl('list_consumers', '-p', vhost, 'queue_name', 'consumer_tag');
    const tags = listed.split('\n').filter((line) => line.startsWith(QUEUE));
    expect(tags.map((line) => line.split('\t')[1]).sort()).toEqual([
      'order-service on database another',
      'order-service on database contract',
    ]);
  });

  it('subscribes again after the queue was deleted', async () => {
    const { producer } = await start();
    await fixture.admin((channel) => channel.deleteQueue(QUEUE));

    await comes(await deliver(producer));
    expect(fixture.troubles()).toContainEqual(expect.stringContaining('was the queue deleted?'));
  });

  it('subscribes again after the queue was deleted and declared at once, which nobody is told', async () => {
    const { producer } = await start('300ms');
    await fixture.admin(async (channel) => {
      await channel.deleteQueue(QUEUE);
      await channel.assertQueue(QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
      await channel.bindQueue(QUEUE, 'outbox.requests', QUEUE);
    });

    await comes(await deliver(producer));
  });

  it('binds again after the exchange was deleted', async () => {
    const { producer } = await start('300ms');
    await fixture.admin((channel) => channel.deleteExchange('outbox.requests'));

    await comes(await deliver(producer));
  });

  it('does not call idle what is busy: a slow handler keeps its subscription', async () => {
    const { producer } = await start('100ms');
    orders.shut();
    const id = await deliver(producer);
    await until('it is being handled', () => orders.running === 1);
    await time(500);

    expect(await fixture.admin((channel) => channel.checkQueue(QUEUE))).toMatchObject({ consumerCount: 1 });
    orders.open();
    await until('its receipt comes', () => users.receipts.length === 1);
    expect(orders.receivedIds()).toEqual([id]);
  });

  it('puts a poisonous body aside, byte for byte, with the problem and where it came from', async () => {
    await start();
    const body = Buffer.from([0x7b, 0xff, 0xfe, 0x7d]); // no UTF-8
    await fixture.admin(async (channel) => {
      channel.publish('outbox.requests', QUEUE, body, {
        messageId: 'poison-1',
        headers: { CC: ['nowhere'], nested: { a: [1] }, plain: 'kept' },
        expiration: '60000',
        userId: 'guest',
      });
    });

    await until('it is reported', () => orders.malformed.length === 1);

    const copy = await fixture.take(QUARANTINE);
    expect(copy && copy.content.equals(body)).toBe(true);
    expect(copy && copy.properties).toMatchObject({ messageId: 'poison-1', deliveryMode: 2, expiration: undefined });
    expect(copy && copy.properties.headers).toMatchObject({
      plain: 'kept',
      outbox_problem: expect.stringContaining('UTF-8'),
      outbox_exchange: 'outbox.requests',
      outbox_routing_key: QUEUE,
      outbox_user: 'guest',
    });
    expect(copy && copy.properties.headers).not.toHaveProperty('CC');
    expect(await fixture.waiting(QUEUE)).toBe(0);
  });

  it('keeps a poisonous message until its copy is safe: the quarantine was deleted', async () => {
    await start();
    await fixture.admin((channel) => channel.deleteQueue(QUARANTINE));

    await fixture.sendMalformed('order-service');

    await until('it is reported', () => orders.malformed.length === 1);
    expect(await fixture.take(QUARANTINE)).toMatchObject({ content: Buffer.from('{"not": "an envelope"') });
  });

  it('binds the quarantine again when a copy finds no way into it', async () => {
    await start();
    await fixture.admin((channel) => channel.unbindQueue(QUARANTINE, 'outbox.quarantine', 'order-service'));

    await fixture.sendMalformed('order-service');

    await until('it is reported', () => orders.malformed.length === 1);
    expect(await fixture.waiting(QUARANTINE)).toBe(1);
  });

  it('puts back at once what it had not begun when it is told to stop', async () => {
    const { consumer, producer } = await start();
    orders.shut();
    await Promise.all(Array.from({ length: 12 }, () => deliver(producer)));
    await until('five are being handled', () => orders.running === 5);

    const stopping = consumer.stopConsuming(5_000);
    orders.open();
    await stopping;

    expect(orders.finished).toBe(orders.received.length);
    expect(orders.finished + (await fixture.waiting(QUEUE))).toBe(12);
    expect(consumer.describe().consumers.actual).toBe(0);
    expect(consumer.ready).toBe(true);
  });
});
