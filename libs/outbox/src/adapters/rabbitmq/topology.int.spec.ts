import { testBroker, until } from '@tallystick/services';
import { connect, type GetMessage } from 'amqplib';
import { TopologyMismatchError } from '../../errors';
import { levelOf } from '../../message/events';
import { RabbitMqFixture } from '../../testing/rabbitmq.fixture';
import { ContractEndpoint, requests } from '../../testing/transport-contract-scenario';
import { rabbitMajor } from './connection';

const QUEUE = 'order-service.order.requested';
const EXCHANGES = ['requests', 'announcements', 'receipts', 'quarantine'];
const orders = (): ContractEndpoint =>
  new ContractEndpoint('order-service', [
    requests(5),
    { type: 'user.registered', kind: 'announcement', concurrency: 5 },
  ]);

describe('what is declared at the broker', () => {
  let fixture: RabbitMqFixture;

  beforeAll(async () => {
    fixture = new RabbitMqFixture(await testBroker('topology'));
  });
  afterEach(() => fixture.end());

  it('is one queue per handler, and one each for cancels, receipts and quarantine', async () => {
    const transport = await fixture.connect('order-service', orders());

    await fixture.admin(async (channel) => {
      for (const name of [
        QUEUE,
        ...['user.registered', 'cancel', 'receipts', 'quarantine'].map((n) => `order-service.${n}`),
      ])
        await channel.checkQueue(name);
      for (const name of EXCHANGES) await channel.checkExchange(`outbox.${name}`);
    });
    expect(transport.describe()).toEqual({
      connected: true,
      blocked: false,
      inFlight: 0,
      consumers: { expected: 4, actual: 4 },
    });
  });

  it('may be declared by many replicas at the same moment: all of them consume it, and nobody is alarmed', async () => {
    for (let time = 0; time < 5; time++) {
      const starting = Array.from({ length: 4 }, () => fixture.connect('order-service', orders()));
      for (const replica of await Promise.all(starting))
        await until('every queue is consumed', () => replica.describe().consumers.actual === 4);
      await fixture.end();
    }

    expect(fixture.troubles()).toEqual([]);
  });

  it('survives a restart: everything is durable, and queues are quorum queues', async () => {
    await fixture.connect('order-service', orders());

    await fixture.admin(async (channel) => {
      // declaring again with the same arguments is allowed, with others it is not
      await channel.assertQueue(QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
      await channel.assertExchange('outbox.announcements', 'topic', { durable: true });
    });
  });

  it.each(['user.registered', 'quarantine'])(
    'keeps what nobody would send again, in the queue %s, however often it came back or its process died',
    async (name) => {
      const transport = await fixture.connect('order-service', orders());
      await transport.close();
      const queue = `order-service.${name}`;
      await fixture.admin(async (channel) => void channel.sendToQueue(queue, Buffer.from('precious')));
      await until('it is there', async () => (await fixture.waiting(queue)) === 1);

      for (let turn = 0; turn < 25; turn++) {
        await fixture.admin(async (channel) => {
          // a queue answers no while the message comes back from the one before
          let message: GetMessage | false = false;
          await until('it comes again', async () => (message = await channel.get(queue)) !== false);
          if (turn % 2) channel.reject(message as unknown as GetMessage, true);
        });
      }

      await until('it is there still', async () => (await fixture.waiting(queue)) === 1);
      expect(await fixture.take(queue)).toMatchObject({ content: Buffer.from('precious') });
    },
  );

  it('takes an announcement queue with another delivery limit as it is, and says so where it can lose something', async () => {
    const declared = [{}, { 'x-delivery-limit': 50 }];
    for (const [index, limit] of declared.entries()) {
      const queue = `order-service.${['user.registered', 'quarantine'][index]}`;
      await fixture.admin(async (channel) => {
        await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum', ...limit } });
        channel.sendToQueue(queue, Buffer.from(`announcement ${index}`));
      });
    }

    const transport = await fixture.connect('order-service', new ContractEndpoint('order-service', [requests(5)]));
    expect(transport.describe().consumers).toEqual({ expected: 3, actual: 3 });
    const again = await fixture.connect('user-service', new ContractEndpoint('user-service', []));
    expect(again.ready).toBe(true);

    expect(await fixture.take('order-service.quarantine')).toMatchObject({ content: Buffer.from('announcement 1') });
    const limited = fixture.troubles().filter((text) => text.includes('delivery-limit'));
    expect(limited).toEqual((await isVersion4()) ? [expect.stringContaining("queue 'order-service.quarantine'")] : []);
  });

  async function isVersion4(): Promise<boolean> {
    const connection = await connect(fixture.url);
    const major = rabbitMajor(connection);
    await connection.close();
    return major! >= 4;
  }

  it('stops the boot if a queue exists with other arguments; names the argument; leaves the queue as it is', async () => {
    await fixture.admin(async (channel) => {
      await channel.assertQueue(QUEUE, { durable: true });
      channel.sendToQueue(QUEUE, Buffer.from('precious'));
    });
    const transport = fixture.transport('order-service');

    const error = await transport.start(orders()).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(TopologyMismatchError);
    expect((error as Error).message).toContain(`The queue '${QUEUE}' exists on the broker with another 'x-queue-type'`);
    expect((error as Error).message).toContain('quorum');
    expect(transport.ready).toBe(false);
    expect(transport.describe().consumers.actual).toBe(0);
    expect(await fixture.take(QUEUE)).toMatchObject({ content: Buffer.from('precious') });
  });

  it('stops the boot if an exchange exists with another type', async () => {
    await fixture.admin((channel) => channel.assertExchange('outbox.requests', 'topic', { durable: true }));

    await expect(fixture.connect('order-service', orders())).rejects.toThrow(
      /exchange 'outbox.requests' exists on the broker with another 'type'.*'direct'.*'topic'/,
    );
  });

  it('alarms if the mismatch is found later, keeps trying, and consumes when a person has put it right', async () => {
    const endpoint = orders();
    const transport = await fixture.connect('order-service', endpoint, { idleResubscribe: '200ms' });
    await fixture.admin(async (channel) => {
      await channel.deleteQueue(QUEUE);
      await channel.assertQueue(QUEUE, { durable: false });
    });

    await until('it is reported', () =>
      fixture.troubles().some((text) => text.includes("another 'x-queue-type'") || text.includes("another 'durable'")),
    );
    expect(fixture.events.some((event) => event.event === 'transport.trouble' && levelOf(event) === 'alarm')).toBe(
      true,
    );
    await until('the others still consume', () => transport.describe().consumers.actual === 3);

    await fixture.admin((channel) => channel.deleteQueue(QUEUE));
    await until('all consume', () => transport.describe().consumers.actual === 4);
  });

  it('carries the prefix of the option in the names of the exchanges', async () => {
    await fixture.connect('order-service', orders(), { prefix: 'shop' });

    await fixture.admin(async (channel) => {
      for (const name of EXCHANGES) {
        await channel.checkExchange(`shop.${name}`);
        await channel.deleteExchange(`shop.${name}`);
      }
    });
  });
});
