import { type RabbitServer, startRabbit, until } from '@tallystick/services';
import { RabbitMqFixture } from '../../testing/rabbitmq.fixture';
import { ContractEndpoint, idOf, request, requests } from '../../testing/transport-contract-scenario';
import type { RabbitMqTransport } from './rabbitmq-transport';

/** A broker of our own, because it is killed, drained of memory and shut down. */
describe('while the broker itself fails', () => {
  let broker: RabbitServer;
  let fixture: RabbitMqFixture;
  let orders: ContractEndpoint;
  let users: ContractEndpoint;
  let producer: RabbitMqTransport;

  beforeAll(async () => {
    broker = await startRabbit();
  }, 90_000);
  afterAll(() => broker.stop());

  beforeEach(() => {
    fixture = new RabbitMqFixture(broker.url);
    orders = new ContractEndpoint('order-service', [requests(10)]);
    users = new ContractEndpoint('user-service', []);
  });
  afterEach(() => fixture.end());

  async function start(): Promise<void> {
    await fixture.connect('order-service', orders);
    producer = await fixture.connect('user-service', users, { publishTimeout: '1s' });
  }

  /** Publishes all the time, as a relay would: what was not confirmed is sent again. */
  function load(): { confirmed: Set<string>; stop(): Promise<void> } {
    const confirmed = new Set<string>();
    let stopped = false;
    const sender = async (): Promise<void> => {
      while (!stopped) {
        const sent = request();
        while (!confirmed.has(idOf(sent))) {
          const { kind } = await producer.publish(sent, 'order-service');
          if (kind === 'confirmed') confirmed.add(idOf(sent));
          else if (stopped) return;
          else await new Promise((resolve) => setTimeout(resolve, 20)); // a relay would wait for its backoff
        }
      }
    };
    const senders = Array.from({ length: 10 }, sender);
    return {
      confirmed,
      stop: async () => {
        stopped = true;
        await Promise.all(senders);
      },
    };
  }

  it('learns the largest message from the one it could not take, and does not try again', async () => {
    await broker.evaluate(
      'persistent_term:put(max_message_size, 100000), application:set_env(rabbit, max_message_size, 100000)',
    );
    try {
      await start();
      const large = request({ payload: JSON.stringify({ text: 'x'.repeat(200_000) }) });
      expect(await producer.publish(large, 'order-service')).toMatchObject({ kind: 'unknown' });
      await until('it is connected again', () => producer.ready);

      expect(producer.maxBodyBytes).toBe(100_000);
      expect(await producer.publish(large, 'order-service')).toMatchObject({
        kind: 'refused',
        error: expect.stringContaining('at most 100000'),
      });
      expect(await producer.publish(request(), 'order-service')).toEqual({ kind: 'confirmed' });
    } finally {
      await broker.evaluate(
        'persistent_term:put(max_message_size, 134217728), application:set_env(rabbit, max_message_size, 134217728)',
      );
    }
  });

  async function loadSurvives(fault: () => Promise<void>): Promise<void> {
    await start();
    const { confirmed, stop } = load();
    await until('messages flow', () => orders.received.length > 100);

    await fault();

    const [published, handled] = [confirmed.size, orders.received.length];
    await until(
      'messages flow again',
      () => confirmed.size > published + 100 && orders.received.length > handled + 100,
    );
    await stop();
    await until('everything confirmed was handled', () => {
      const received = new Set(orders.receivedIds());
      return [...confirmed].every((id) => received.has(id));
    });
  }

  it('starts without it, says unavailable at once, and serves when it is there', async () => {
    await broker.stopApp();
    await start();
    expect(producer.ready).toBe(false);
    expect(producer.describe()).toMatchObject({ connected: false, consumers: { expected: 2, actual: 0 } });
    const since = performance.now();
    expect(await producer.publish(request(), 'order-service')).toEqual({ kind: 'unavailable' });
    expect(performance.now() - since).toBeLessThan(100);

    await broker.startApp();

    await until('both serve', () => producer.ready && users.readiness.at(-1) === true);
    await until('it is routed', async () => (await producer.publish(request(), 'order-service')).kind === 'confirmed');
    await until('it is answered', () => users.receipts.length > 0);
  }, 90_000);

  it('loses nothing that it confirmed when it is killed and started again', async () => {
    await loadSurvives(async () => {
      await broker.flush(); // a queue that was declared in the last second would not survive: that is another fault
      await broker.kill();
      await until('it is noticed', () => !producer.ready);
      await broker.start();
    });
  }, 120_000);

  it('loses nothing that it confirmed when an operator restarts it', async () => {
    await loadSurvives(async () => {
      await broker.stopApp();
      await broker.startApp();
    });
  }, 120_000);

  it('loses nothing that it confirmed when an operator closes all connections', async () => {
    await loadSurvives(() => broker.closeConnections('maintenance'));
    expect(fixture.troubles()).toContainEqual(expect.stringContaining('maintenance'));
  }, 60_000);

  it.each([
    ['memory', 'set_vm_memory_high_watermark', '0.00001', '0.4'],
    ['disk', 'set_disk_free_limit', '100000GB', '1MB'],
  ])(
    'is unavailable while it has a %s alarm, and still consumes',
    async (_, limit, alarming, usual) => {
      await start();
      await broker.ctl(limit, alarming);
      try {
        // the first publish makes the broker say that it is blocked; nobody knows whether that one will arrive
        await until('it is noticed', async () => {
          await producer.publish(request(), 'order-service');
          return producer.describe().blocked;
        });
        expect(producer.ready).toBe(false);
        expect(users.readiness.at(-1)).toBe(false);
        expect(await producer.publish(request(), 'order-service')).toEqual({ kind: 'unavailable' });
        expect(producer.describe().consumers).toEqual({ expected: 2, actual: 2 });
      } finally {
        await broker.ctl(limit, usual);
      }

      await until('it is ready again', () => producer.ready);
      await until(
        'it is routed',
        async () => (await producer.publish(request(), 'order-service')).kind === 'confirmed',
      );
    },
    60_000,
  );
});
