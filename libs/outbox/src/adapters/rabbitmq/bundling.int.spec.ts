import { testBroker, until } from '@tallystick/services';
import { type ChannelModel, type ConfirmChannel, connect, type ConsumeMessage } from 'amqplib';
import type { PublishOutcome } from '../../message/delivery';
import { decode, encode, type Envelope, type MessageEnvelope } from '../../message/envelope';
import { RabbitMqFixture } from '../../testing/rabbitmq.fixture';
import { cancellation, ContractEndpoint, idOf, request, requests } from '../../testing/transport-contract-scenario';
import { isBundle } from './bundle';
import type { RabbitMqOptions } from './rabbitmq-options';
import type { RabbitMqTransport } from './rabbitmq-transport';
import { Tap } from './tap.fixture';
import { fromMessage, toProperties } from './wire';

const QUEUE = 'order-service.order.requested';
const CONFIRMED = { kind: 'confirmed' };

describe('messages that travel together', () => {
  let url: string;
  let fixture: RabbitMqFixture;
  let orders: ContractEndpoint;
  let users: ContractEndpoint;
  let consumer: RabbitMqTransport;
  let tap: Tap;
  let sent: string[];

  beforeAll(async () => {
    url = await testBroker('bundling');
  });
  beforeEach(() => {
    fixture = new RabbitMqFixture(url);
    sent = [];
  });
  afterEach(async () => {
    orders.open();
    await tap.close();
    await fixture.end();
  });

  async function start(concurrency = 8, options: { orders?: RabbitMqOptions; users?: RabbitMqOptions } = {}) {
    orders = new ContractEndpoint('order-service', [requests(concurrency)]);
    users = new ContractEndpoint('user-service', []);
    orders.react = async (envelope) => {
      await new Promise(setImmediate); // as a database would make it wait
      return orders.accept(envelope);
    };
    consumer = await fixture.connect('order-service', orders, options.orders);
    users.transport = await fixture.connect('user-service', users, options.users);
    tap = await Tap.open(url);
  }
  const publish = (count: number): Promise<PublishOutcome[]> =>
    Promise.all(
      Array.from({ length: count }, () => {
        const envelope = request();
        sent.push(idOf(envelope));
        return users.transport.publish(envelope, 'order-service');
      }),
    );
  const answered = (): Set<string> => new Set(users.receipts.map(({ receipt }) => receipt.messageId));
  const allAnswered = (): Promise<void> =>
    until('all are answered', () => sent.every((id) => answered().has(id)), { timeoutMs: 20_000 });
  /** Until the consumer has said that it wants several, and the producer has heard it. */
  async function underLoad(): Promise<void> {
    await until(
      'requests travel together',
      async () => {
        await publish(30);
        await allAnswered();
        return tap.bundles.requests > 0;
      },
      { timeoutMs: 10_000 },
    );
  }

  it('arrive once each, and so do their receipts', async () => {
    await start();
    await underLoad();
    expect(await publish(500)).toEqual(Array(500).fill(CONFIRMED));
    await allAnswered();

    await until('the tap has seen all', () => tap.passed.requests >= sent.length && tap.passed.receipts >= sent.length);
    expect(tap.bundles.receipts).toBeGreaterThan(0);
    expect(tap.passed).toEqual({ requests: sent.length, receipts: sent.length });
    expect(tap.requests.length).toBeLessThan(sent.length);
    expect(orders.receivedIds().sort()).toEqual([...sent].sort());
    expect(users.receipts).toHaveLength(sent.length);
    expect([...orders.malformed, ...users.malformed, ...fixture.troubles()]).toEqual([]);
  });

  it('alone are what they always were', async () => {
    await start();
    await underLoad();
    const before = tap.bundles;
    for (let each = 0; each < 20; each++) {
      await publish(1);
      await allAnswered();
    }
    expect(tap.bundles).toEqual(before);
    expect(tap.requests.at(-1)!.properties.headers).toMatchObject({ cloudEvents_id: sent.at(-1) });
  });

  it('have the outcome of what they travelled in', async () => {
    await start();
    await underLoad();
    await fixture.admin((channel) => channel.unbindQueue(QUEUE, 'outbox.requests', QUEUE));
    await tap.deaf();
    expect(await publish(30)).toEqual(Array(30).fill({ kind: 'returned' }));
    sent = [];
  });

  it.each([
    ['the consumer', { orders: { bundles: false } }],
    ['the producer', { users: { bundles: false } }],
    ['both', { orders: { bundles: false }, users: { bundles: false } }],
  ])('are none where %s will not have it', async (_, options) => {
    await start(8, options);
    for (let round = 0; round < 10; round++) {
      expect(await publish(50)).toEqual(Array(50).fill(CONFIRMED));
      await allAnswered();
    }
    expect(tap.bundles).toEqual({ requests: 0, receipts: 0 });
  });

  it('are asked for again alone, and answered alone', async () => {
    await start();
    await underLoad();
    const [before, seen] = [tap.bundles, tap.requests.length];
    const again = Array.from({ length: 50 }, () => ({ ...request(), attempt: 2 }));
    sent.push(...again.map(idOf));
    await Promise.all(again.map((envelope) => users.transport.publish(envelope, 'order-service')));
    await allAnswered();
    expect(tap.bundles).toEqual(before);
    await until('the tap has seen all', () => tap.requests.length === seen + again.length);
  });

  it('are handled by no more at once than the subscription says, whatever comes in one', async () => {
    await start(3);
    await underLoad();
    orders.shut();
    orders.mostRunning = 0;
    await publish(100);
    await until('three are being handled', () => orders.running === 3);
    expect(orders.mostRunning).toBe(3);
    orders.open();
    await allAnswered();
    expect(orders.mostRunning).toBe(3);
  });

  it('do not hold up a cancel', async () => {
    await start(2);
    await underLoad();
    orders.shut();
    await publish(100);
    const cancel = cancellation();
    await users.transport.publish(cancel, 'order-service');
    await until('the cancel is being handled', () => orders.received.some(({ kind }) => kind === 'cancel'));
    expect(orders.running).toBe(3);
    orders.open();
    await allAnswered();
  });

  it('go back whole if some were not begun when the consumer stops, and the next process has them all', async () => {
    await start(2);
    await underLoad();
    orders.shut();
    const before = orders.received.length;
    await publish(60);
    await until('two are being handled', () => orders.running === 2);

    const stopping = consumer.stopConsuming(30_000);
    orders.open();
    await stopping;

    const begun = orders.received.length - before;
    expect(begun).toBeLessThan(60);
    expect(await fixture.waiting(QUEUE)).toBeGreaterThan(0);
    const successor = new ContractEndpoint('order-service', [requests(2)]);
    await fixture.connect('order-service', successor);
    await allAnswered();
    const handled = new Set([...orders.receivedIds(), ...successor.receivedIds()]);
    expect(sent.filter((id) => !handled.has(id))).toEqual([]);
    expect(fixture.troubles()).toEqual([]);
  });

  it('come again whole when one of them must, and the others are no worse for it', async () => {
    await start();
    await underLoad();
    const failed = new Map<string, number>();
    users.applyReceipt = async ({ receipt: { messageId } }) => {
      const times = failed.get(messageId) ?? 0;
      if (parseInt(messageId[0]!, 16) !== 7 || times === 2) return { kind: 'done' };
      failed.set(messageId, times + 1);
      return { kind: 'return', problem: 'the database is away', pauseMs: 10 };
    };
    await publish(200);
    await allAnswered();
    expect([...failed.values()].every((times) => times === 2)).toBe(true);
    await until('nothing is left', async () => (await fixture.waiting('user-service.receipts')) === 0);
  });
});

/** A service of a version that has never heard of bundles, by hand: it says nothing of them, and reads message by message. */
class OldPeer {
  readonly seen: ConsumeMessage[] = [];

  private constructor(
    private readonly connection: ChannelModel,
    private readonly channel: ConfirmChannel,
  ) {}

  /** @param take what it does with each */
  static async consume(
    url: string,
    queue: string,
    take: (message: ConsumeMessage, peer: OldPeer) => Promise<void> = async () => {},
  ): Promise<OldPeer> {
    const connection = await connect(url);
    const channel = await connection.createConfirmChannel();
    const peer = new OldPeer(connection, channel);
    await channel.prefetch(16);
    await channel.consume(queue, (message) => {
      if (!message) return;
      peer.seen.push(message);
      void take(message, peer).then(() => channel.ack(message));
    });
    return peer;
  }

  async publish(envelopes: readonly Envelope[], exchange: string, key: string): Promise<void> {
    for (const envelope of envelopes) {
      const wire = encode(envelope);
      this.channel.publish(exchange, key, Buffer.from(wire.body), toProperties(wire, undefined));
    }
    await this.channel.waitForConfirms();
  }

  async stop(): Promise<void> {
    await this.connection.close();
  }
}

describe('a service that has never heard of bundles', () => {
  let url: string;
  let fixture: RabbitMqFixture;
  beforeAll(async () => {
    url = await testBroker('old-peers');
  });
  beforeEach(() => {
    fixture = new RabbitMqFixture(url);
  });
  afterEach(() => fixture.end());

  it('is sent none as a consumer', async () => {
    const users = new ContractEndpoint('user-service', []);
    users.transport = await fixture.connect('user-service', users);
    await fixture.admin(async (channel) => {
      await channel.assertQueue(QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
      await channel.bindQueue(QUEUE, 'outbox.requests', QUEUE);
    });
    const service = new ContractEndpoint('order-service', []);
    const old = await OldPeer.consume(url, QUEUE, async (message, peer) => {
      const reaction = service.accept(decode(fromMessage(message), 'order-service') as MessageEnvelope);
      if (reaction.kind === 'answer')
        await peer.publish([{ ...reaction, kind: 'receipt' }], 'outbox.receipts', 'user-service');
    });
    for (let round = 1; round <= 5; round++) {
      const all = Array.from({ length: 50 }, () => users.transport.publish(request(), 'order-service'));
      expect(await Promise.all(all)).toEqual(Array(50).fill(CONFIRMED));
      await until('all are answered', () => users.receipts.length === round * 50);
    }
    expect(old.seen.filter(isBundle)).toEqual([]);
    expect(users.malformed).toEqual([]);
    await old.stop();
  });

  it('is answered without any as a producer', async () => {
    const orders = new ContractEndpoint('order-service', [requests(8)]);
    await fixture.connect('order-service', orders);
    await fixture.admin(async (channel) => {
      await channel.assertQueue('user-service.receipts', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
      await channel.bindQueue('user-service.receipts', 'outbox.receipts', 'user-service');
    });
    const old = await OldPeer.consume(url, 'user-service.receipts');
    await old.publish(
      Array.from({ length: 250 }, () => request()),
      'outbox.requests',
      QUEUE,
    );
    await until('all are answered', () => old.seen.length >= 250);
    expect(old.seen.filter(isBundle)).toEqual([]);
    const consumers = old.seen.map((message) => decode(fromMessage(message), 'user-service').kind);
    expect(consumers).toEqual(Array(250).fill('receipt'));
    await old.stop();
  });
});
