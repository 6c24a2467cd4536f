import { testBroker, until } from '@tallystick/services';
import { type Channel, type ChannelModel, connect, type ConsumeMessage } from 'amqplib';
import { SystemClock } from '../system/system-clock';
import { SystemRandom } from '../system/system-random';
import { Consumer, type ConsumerOptions } from './consumer';
import { ComesAgainError } from './returns';

const QUEUE = { name: 'work', binding: { exchange: 'amq.direct', key: 'work' } };

describe('one consumer', () => {
  let url: string;
  let connection: ChannelModel;
  let channels: Channel[];
  let admin: Channel;
  let consumer: Consumer;
  let troubles: unknown[];
  /** The handlers in hand, to be ended by the test. */
  let inHand: { readonly body: string; end(error?: Error): void }[];

  beforeAll(async () => {
    url = await testBroker('consumer');
  });
  beforeEach(async () => {
    [troubles, inHand] = [[], []];
    await reconnect();
    admin = await connection.createChannel();
    await admin.assertQueue(QUEUE.name, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await admin.purgeQueue(QUEUE.name);
  });
  afterEach(async () => {
    await consumer.drain(0);
    await connection.close();
  });

  async function reconnect(): Promise<void> {
    connection = await connect(url);
    connection.on('error', () => {});
    channels = [];
    const createChannel = connection.createChannel.bind(connection);
    connection.createChannel = async () => {
      const channel = await createChannel();
      const consume = channel.consume.bind(channel);
      channel.consume = (...given) => {
        channels.push(channel); // the others only declare
        return consume(...given);
      };
      return channel;
    };
  }
  async function serve(options: Partial<ConsumerOptions> = {}): Promise<void> {
    consumer = new Consumer({
      clock: new SystemClock(),
      random: new SystemRandom(),
      queue: QUEUE,
      tag: 'worker',
      exchanges: [],
      quarantine: { name: 'work.quarantine', binding: { exchange: 'amq.direct', key: 'work.quarantine' } },
      prefetch: 2,
      idleMs: 60_000,
      patienceMs: 30_000,
      onLimited: () => {},
      onMessage: ({ content }: ConsumeMessage) =>
        new Promise<void>((resolve, reject) =>
          inHand.push({
            body: content.toString(),
            end: (error) => (error ? reject(error) : resolve()),
          }),
        ),
      onTrouble: (problem) => troubles.push(problem),
      ...options,
    });
    expect(await consumer.serve(connection)).toBeUndefined();
    channels = channels.filter((channel) => channel !== admin);
  }
  const send = (body: string): boolean => admin.sendToQueue(QUEUE.name, Buffer.from(body), { persistent: true });
  const handling = (count: number): Promise<void> => until(`${count} in hand`, () => inHand.length === count);
  const waiting = async (): Promise<number> => (await admin.checkQueue(QUEUE.name)).messageCount;

  it('opens a new channel after a channel error, when the handlers of the old one are done', async () => {
    await serve();
    send('a');
    await handling(1);

    channels[0]!.ack({ fields: { deliveryTag: 999 } } as ConsumeMessage); // the broker closes the channel for this

    await until('it is noticed', () => troubles.length === 1);
    expect(troubles[0]).toContain('unknown delivery tag 999');
    await until('the message is back in the queue', async () => (await waiting()) === 1);
    const since = performance.now();
    await until('there was time for another channel', () => performance.now() > since + 1_000);
    expect(channels).toHaveLength(1);
    inHand[0]!.end(); // too late: the channel is gone, and nothing is thrown

    await handling(2);
    expect(inHand[1]!.body).toBe('a');
    inHand[1]!.end();
    await until('it is acknowledged', async () => (await waiting()) === 0);
  });

  it('never acknowledges a message through another channel than its own', async () => {
    await serve({ prefetch: 1, patienceMs: 0 }); // so impatient that old and new handlers overlap
    send('a');
    await handling(1);
    channels[0]!.ack({ fields: { deliveryTag: 999 } } as ConsumeMessage);
    await handling(2); // 'a' again: delivery tag 1, as before, on another channel

    inHand[0]!.end(); // the stale one
    send('b');
    const prefetchIsFull = async (): Promise<boolean> => (await waiting()) === 1;
    await until("'b' waits behind 'a', which is not acknowledged", prefetchIsFull);
    await connection.close(); // were 'a' acknowledged by mistake, it would be lost now
    await consumer.leave();
    await reconnect();
    admin = await connection.createChannel();

    expect(await waiting()).toBe(2);
  });

  it('puts back what could not be handled, after a pause, and says so once', async () => {
    await serve();
    send('a');
    send('b');
    await handling(2);
    const since = performance.now();

    for (const handler of inHand) handler.end(new Error('the database is away'));

    await handling(4);
    expect(performance.now() - since).toBeGreaterThan(900);
    expect(troubles).toHaveLength(1);
    for (const handler of inHand.slice(2)) handler.end();
    await until('they are acknowledged', async () => (await waiting()) === 0);
  });

  it('waits before it puts back as long as it is asked to, but for nothing when the message is out of its hands', async () => {
    await serve();
    send('a');
    await handling(1);
    inHand[0]!.end(new ComesAgainError('not now', 3_600_000));
    await until('it is in its pause', () => troubles.length === 1);

    channels[0]!.ack({ fields: { deliveryTag: 999 } } as ConsumeMessage); // the broker closes the channel for this

    await handling(2); // the new session did not wait for an hour
    inHand[1]!.end(new ComesAgainError('not now', 3_600_000));
    const since = performance.now();
    await consumer.drain(60_000);
    expect(performance.now() - since).toBeLessThan(30_000);
    await until('it is back in the queue', async () => (await waiting()) === 1);
  });

  it('gives up waiting for a handler that never ends, and goes on beside it', async () => {
    await serve({ patienceMs: 100 });
    send('a');
    await handling(1);

    channels[0]!.ack({ fields: { deliveryTag: 999 } } as ConsumeMessage);

    await handling(2);
    inHand[1]!.end();
    await until('it is acknowledged', async () => (await waiting()) === 0);
  });

  it('is idle, and subscribes anew, without a word of trouble', async () => {
    await serve({ idleMs: 100 });

    await until('it has subscribed three times', () => channels.length === 3);

    send('a');
    await handling(1);
    inHand[0]!.end();
    expect(troubles).toEqual([]);
  });

  it('can be drained while it cannot subscribe', async () => {
    await serve({ patienceMs: 60_000 });
    send('a');
    await handling(1);
    channels[0]!.ack({ fields: { deliveryTag: 999 } } as ConsumeMessage);
    await until('it waits for the old handler', () => troubles.length === 1);

    await consumer.drain(50);

    expect(consumer.consuming).toBe(false);
    inHand[0]!.end();
  });
});
