import { until } from '@tallystick/services';
import { type BrokerBehindProxy, brokerBehindProxy, RabbitMqFixture } from '../../testing/rabbitmq.fixture';
import { ContractEndpoint, request, requests } from '../../testing/transport-contract-scenario';

const QUEUE = 'order-service.order.requested';

describe('publishing', () => {
  let broker: BrokerBehindProxy;
  let fixture: RabbitMqFixture;
  const users = new ContractEndpoint('user-service', []);

  beforeAll(async () => {
    broker = await brokerBehindProxy('publishing');
  });
  afterAll(() => broker.proxy.close());

  beforeEach(() => {
    fixture = new RabbitMqFixture(broker.url, { adminUrl: broker.adminUrl });
  });
  afterEach(async () => {
    broker.proxy.thaw();
    await fixture.end();
  });

  /** A queue for requests that nobody consumes. */
  const queue = (options: object = {}): Promise<void> =>
    fixture.admin(async (channel) => {
      await channel.assertExchange('outbox.requests', 'direct', { durable: true });
      await channel.assertQueue(QUEUE, { durable: true, ...options });
      await channel.bindQueue(QUEUE, 'outbox.requests', QUEUE);
    });

  it('mirrors the headers in the basic properties, persistent, with the user the broker has verified', async () => {
    await queue();
    const transport = await fixture.connect('user-service', users, { user: 'guest' });
    const sent = request({ key: 'user-1', headers: { 'tenant-id': 'acme', traceparent: '00-ab-cd-01' } });

    expect(await transport.publish(sent, 'order-service')).toEqual({ kind: 'confirmed' });

    const message = await fixture.take(QUEUE);
    expect(message && message.content.toString()).toBe(sent.message.payload);
    expect(message && message.properties).toMatchObject({
      messageId: sent.message.id,
      type: 'order.requested',
      appId: 'user-service',
      replyTo: 'user-service',
      timestamp: Date.parse('2026-11-20T10:00:00Z') / 1000,
      contentType: 'application/json',
      deliveryMode: 2,
      userId: 'guest',
      headers: {
        cloudEvents_specversion: '1.0',
        cloudEvents_id: sent.message.id,
        cloudEvents_type: 'order.requested',
        cloudEvents_source: 'user-service',
        cloudEvents_time: '2026-11-20T10:00:00.123456Z',
        cloudEvents_subject: 'user-1',
        cloudEvents_attempt: 1,
        cloudEvents_traceparent: '00-ab-cd-01',
        traceparent: '00-ab-cd-01',
        'tenant-id': 'acme',
      },
    });
  });

  it('refuses what the broker would not survive, and goes on', async () => {
    await queue();
    const transport = await fixture.connect('user-service', users);
    const outcome = async (headers: Record<string, string>, more = {}): Promise<unknown> =>
      transport.publish(request({ headers, ...more }), 'order-service');

    expect(await outcome({ big: 'x'.repeat(33_000) })).toMatchObject({
      kind: 'refused',
      error: expect.stringContaining('headers take'),
    });
    expect(await outcome({ CC: 'elsewhere' })).toMatchObject({ kind: 'refused' });
    expect(await outcome({ ['n'.repeat(256)]: 'x' })).toMatchObject({ kind: 'refused' });
    expect(await outcome({}, { source: 's'.repeat(256) })).toMatchObject({ kind: 'refused' });
    expect(await outcome({ big: 'x'.repeat(31_000) })).toEqual({ kind: 'confirmed' });
    expect(fixture.troubles()).toEqual([]);
  });

  it('calls a nack refused: the queue is full', async () => {
    await queue({ arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } });
    const transport = await fixture.connect('user-service', users);
    await transport.publish(request(), 'order-service');

    expect(await transport.publish(request(), 'order-service')).toMatchObject({ kind: 'refused' });
  });

  it('calls it unknown when no confirm comes in time, and when the transport closes', async () => {
    await queue();
    const transport = await fixture.connect('user-service', users, { publishTimeout: '100ms' });
    const patient = await fixture.connect('mail-service', new ContractEndpoint('mail-service', []));

    broker.proxy.freeze('down'); // the broker gets it; its confirm does not arrive
    const [late, held] = [transport.publish(request(), 'order-service'), patient.publish(request(), 'order-service')];

    expect(await late).toEqual({ kind: 'unknown', error: 'no confirm within 100 ms (`publishTimeout` of rabbitMq())' });
    expect(transport.describe().inFlight).toBe(0);
    expect(patient.describe().inFlight).toBe(1);
    await patient.close();
    expect(await held).toMatchObject({ kind: 'unknown' });
    broker.proxy.thaw();
    await until('both had arrived', async () => (await fixture.waiting(QUEUE)) === 2);
  });

  it('finds out by heartbeats that the network is silent, and goes on when it is back', async () => {
    const orders = new ContractEndpoint('order-service', [requests(5)]);
    const transport = await fixture.connect('order-service', orders, { heartbeatSeconds: 1 });

    broker.proxy.freeze();
    await until('it has noticed', () => !transport.ready);
    expect(await transport.publish(request(), 'order-service')).toEqual({ kind: 'unavailable' });
    broker.proxy.cut();
    broker.proxy.thaw();

    await until('it is back', () => transport.ready && transport.describe().consumers.actual === 3);
    expect(await transport.publish(request(), 'order-service')).toEqual({ kind: 'confirmed' });
    await until('it arrives', () => orders.finished === 1);
  });

  it('does not die of a publish that the broker punishes by closing the channel', async () => {
    const transport = await fixture.connect('user-service', users);
    await fixture.admin((channel) => channel.deleteExchange('outbox.requests'));

    expect(await transport.publish(request(), 'order-service')).toMatchObject({
      kind: 'unknown',
      error: expect.stringContaining('NOT_FOUND'),
    });

    await until('it is back, with the exchange', () => transport.ready);
    expect(await transport.publish(request(), 'order-service')).toEqual({ kind: 'returned' });
  });

  it('alarms when the broker refuses the name of the user', async () => {
    await queue();
    const transport = await fixture.connect('user-service', users, { user: 'somebody-else' });

    expect(await transport.publish(request(), 'order-service')).toMatchObject({ kind: 'unknown' });

    await until('it is reported', () => fixture.troubles().some((text) => text.includes('somebody-else')));
    expect(fixture.events).toContainEqual(expect.objectContaining({ event: 'transport.trouble', alarm: true }));
  });
});
