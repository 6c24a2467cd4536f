import { testBroker, until } from '@tallystick/services';
import { encode, type Envelope } from '../../message/envelope';
import { RabbitMqFixture } from '../../testing/rabbitmq.fixture';
import {
  cancellation,
  ContractEndpoint,
  idOf,
  receiptFrom,
  request,
  requests,
} from '../../testing/transport-contract-scenario';
import { bundleOf, MAX_MEMBERS, memberOf } from './bundle';
import { type Outgoing, toProperties } from './wire';

const QUEUE = 'order-service.order.requested';
const QUARANTINE = 'order-service.quarantine';

const outgoing = (envelope: Envelope): Outgoing => {
  const wire = encode(envelope);
  const body = Buffer.from(wire.body);
  return { exchange: '', routingKey: QUEUE, body, properties: toProperties(wire, undefined) };
};
const bundle = (...envelopes: Envelope[]): Outgoing => bundleOf(envelopes.map(outgoing).map(memberOf));

describe('of a bundle', () => {
  let url: string;
  let fixture: RabbitMqFixture;
  let orders: ContractEndpoint;
  let users: ContractEndpoint;

  beforeAll(async () => {
    url = await testBroker('hostile-bundles');
  });
  beforeEach(async () => {
    fixture = new RabbitMqFixture(url);
    const listening = { type: 'user.registered', kind: 'announcement', concurrency: 1 } as const;
    orders = new ContractEndpoint('order-service', [requests(4), listening]);
    users = new ContractEndpoint('user-service', []);
    await fixture.connect('order-service', orders, { bundles: false }); // reads them all the same
    users.transport = await fixture.connect('user-service', users);
  });
  afterEach(() => fixture.end());

  const send = ({ body, properties }: Outgoing, queue = QUEUE): Promise<unknown> =>
    fixture.admin(async (channel) => channel.sendToQueue(queue, body, properties));
  const quarantined = (count: number): Promise<void> =>
    until(`${count} are put aside`, async () => (await fixture.waiting(QUARANTINE)) === count);
  /** Nothing came of it, and what comes next is handled as ever. */
  async function unharmed(handled: number): Promise<void> {
    expect(orders.received).toHaveLength(handled);
    await users.publishUntilTaken(request(), 'order-service');
    await until('the next message is handled', () => orders.finished === handled + 1);
    for (const queue of [QUEUE, 'order-service.cancel', 'order-service.receipts'])
      expect(await fixture.waiting(queue)).toBe(0);
    expect(fixture.troubles()).toEqual([]);
  }

  it('a member that is malformed is put aside alone, byte for byte; the others are handled', async () => {
    const [first, last] = [request(), request()];
    const good = [first, last].map((envelope) => memberOf(outgoing(envelope)));
    const bad = memberOf({ ...outgoing(request()), body: Buffer.from([0x7b, 0xff, 0x7d]) });

    await send(bundleOf([good[0]!, bad, good[1]!]));

    await until('both are answered', () => users.receipts.length === 2);
    await quarantined(1);
    const copy = await fixture.take(QUARANTINE);
    expect(copy && copy.content).toEqual(bad.outgoing.body);
    expect(copy && copy.properties).toMatchObject({ messageId: bad.outgoing.properties.messageId });
    expect(copy && copy.properties.headers).toMatchObject({
      outbox_problem: expect.stringContaining('UTF-8'),
      outbox_routing_key: QUEUE,
      cloudEvents_source: 'user-service',
    });
    expect(orders.malformed).toHaveLength(1);
    expect(orders.receivedIds().sort()).toEqual([first, last].map(idOf).sort());
    await unharmed(2);
  });

  it.each<[string, (whole: Outgoing) => Buffer]>([
    ['its head is cut off', ({ body }) => body.subarray(10)],
    ['its end is cut off', ({ body }) => body.subarray(0, -1)],
    ['it goes on after its end', ({ body }) => Buffer.concat([body, Buffer.from('{}')])],
    ['it is no text', () => Buffer.alloc(1_000, 0xff)],
    ['it is empty', () => Buffer.alloc(0)],
    ['it is huge', () => Buffer.alloc(4 * 1024 * 1024, '[')],
    ['it has too many members', () => bundle(...Array.from({ length: MAX_MEMBERS + 1 }, () => request())).body],
  ])('nothing is handled if %s; it is put aside whole, once', async (_, spoil) => {
    const whole = bundle(request(), request());
    const body = spoil(whole);

    await send({ ...whole, body });

    await quarantined(1);
    const copy = await fixture.take(QUARANTINE);
    expect(copy && copy.content.equals(body)).toBe(true);
    await until('it is reported', () => orders.malformed.length === 1);
    await unharmed(0);
  });

  it('nothing is handled where no bundle may come', async () => {
    const announcement = { ...request({ type: 'user.registered' }), replyTo: undefined };
    await send(bundle(cancellation(), cancellation()), 'order-service.cancel');
    await send(bundle(announcement, announcement), 'order-service.user.registered');
    await quarantined(2);
    await until('both are reported', () => orders.malformed.length === 2);
    await unharmed(0);
  });

  it('no member is taken for what its queue is not for', async () => {
    await send(bundle(receiptFrom('user-service', 'order-service'), receiptFrom('user-service', 'order-service')));
    await send(bundle(request(), request(), request()), 'order-service.receipts');
    await send(bundle(cancellation(), cancellation()));
    await quarantined(7);
    await until('all are reported', () => orders.malformed.length === 7);
    expect(orders.receipts).toEqual([]);
    await unharmed(0);
  });

  it('no member is a bundle', async () => {
    const inner = bundle(request(), request());
    const outer = memberOf({ ...outgoing(request()), body: inner.body });
    await send(bundleOf([outer, outer]));
    // a body like any other: what is in it was never recorded as messages of their own
    await until('both are handled', () => orders.received.length === 2);
    expect(
      orders.received.every((envelope) => envelope.kind === 'message' && envelope.message.payload.startsWith('[')),
    ).toBe(true);
    const nested = Buffer.from(`["outbox.bundle","user-service",0,[[${inner.body.length},0,0,0,0,0,0,0]]]\n`);
    await send({ ...inner, body: Buffer.concat([nested, inner.body]) });
    await quarantined(1);
    await unharmed(2);
  });

  it('a member that is there twice is handled as a copy is, and both are answered', async () => {
    const one = request();
    await send(bundle(one, one));
    await until('both are answered', () => users.receipts.length === 2);
    expect(orders.receivedIds()).toEqual([idOf(one), idOf(one)]);
    await unharmed(2);
  });
});
