import { PLAIN } from '../../message/codec';
import type { OutboxEvent } from '../../message/events';
import { encode, type MessageEnvelope, type ReceiptEnvelope } from '../../message/envelope';
import type { Receipt } from '../../message/receipt';
import type { Endpoint, Reaction, Subscription } from '../../ports/transport';
import { type FaultPlan, fates } from './fates';
import { MemoryBroker } from './memory-broker';
import { MemoryTransport } from './memory-transport';
import { SeededRandom } from './seeded-random';
import { VirtualClock } from './virtual-clock';

const AT = '2026-01-01T00:00:00.000Z';
const ORDERS: Subscription = { type: 'order.requested', kind: 'request', concurrency: 2 };
const NEWS: Subscription = { type: 'price.changed', kind: 'announcement', concurrency: 1 };

function message(number: number, changes: Partial<MessageEnvelope> = {}): MessageEnvelope {
  const id = `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;
  const recorded = {
    id,
    type: ORDERS.type,
    source: 'user-service',
    key: 'k',
    payload: '{"a":1}',
    headers: {},
    recordedAt: AT,
  };
  return { kind: 'message', message: recorded, attempt: 1, deadlineAt: undefined, replyTo: 'user-service', ...changes };
}

function receiptOf({ id }: { id: string }, more: { result?: unknown } = {}): Receipt {
  const consumer = 'order-service';
  const payloadHash = '5e'.repeat(32);
  return { messageId: id, consumer, attempt: 1, recordedAt: AT, verdict: 'accepted', payloadHash, ...more };
}

describe('MemoryTransport', () => {
  let clock: VirtualClock;
  let broker: MemoryBroker;
  let plan: FaultPlan;
  const events: OutboxEvent[] = [];

  beforeEach(() => {
    clock = new VirtualClock();
    plan = () => undefined;
    broker = new MemoryBroker(clock, (passage) => plan(passage));
    events.length = 0;
  });

  async function start(service: string, endpoint: Partial<Endpoint> = {}): Promise<MemoryTransport> {
    const monitor = { record: (event: OutboxEvent) => void events.push(event) };
    const transport = new MemoryTransport(broker, {
      service,
      clock,
      random: new SeededRandom(1),
      monitor,
      codec: PLAIN,
      maxPayloadBytes: 262_144,
      resolve: () => undefined,
    });
    await transport.start({
      service,
      database: undefined,
      subscriptions: [],
      onEnvelope: async () => ({ kind: 'silence' }),
      onReceipt: async () => ({ kind: 'done' }),
      onMalformed: () => undefined,
      onReady: () => undefined,
      ...endpoint,
    });
    return transport;
  }

  /** A consumer that keeps what it is given until it is told to answer. */
  async function startConsumer(subscriptions = [ORDERS], service = 'order-service') {
    const given: { id: string; answer: (reaction?: Reaction) => void }[] = [];
    const transport = await start(service, {
      subscriptions,
      onEnvelope: (envelope) =>
        new Promise((resolve) => {
          const id = envelope.kind === 'cancel' ? `cancel ${envelope.messageId}` : envelope.message.id;
          given.push({ id, answer: (reaction = { kind: 'silence' }) => resolve(reaction) });
        }),
    });
    return { transport, given };
  }

  async function publish(transport: MemoryTransport, envelope = message(1), to: string | undefined = 'order-service') {
    const outcome = transport.publish(envelope, to);
    await clock.advance(0);
    return outcome;
  }

  it('carries a message to its consumer and the receipt back, through the wire format', async () => {
    const receipts: Receipt[] = [];
    const producer = await start('user-service', {
      onReceipt: async ({ receipt }: ReceiptEnvelope) => {
        receipts.push(receipt);
        return { kind: 'done' };
      },
    });
    const { given } = await startConsumer();
    expect(await publish(producer)).toEqual({ kind: 'confirmed' });
    const receipt = receiptOf(given[0]!, { result: { order: 1 } });
    given[0]!.answer({ kind: 'answer', to: 'user-service', receipt });
    await clock.advance(0);
    expect(receipts).toEqual([receipt]);
  });

  it('returns what is routed to nobody, and says so about receipts', async () => {
    const producer = await start('user-service');
    expect(await publish(producer)).toEqual({ kind: 'returned' });
    const { given } = await startConsumer();
    await publish(producer, message(1, { replyTo: 'nobody' }));
    const receipt = receiptOf(given[0]!);
    given[0]!.answer({ kind: 'answer', to: 'nobody', receipt });
    await clock.advance(0);
    expect(events).toContainEqual({ event: 'transport.receipt-not-sent', outcome: 'returned' });
    expect(broker.depth('order-service.order.requested')).toBe(0);
  });

  it('hands out no more than the concurrency, and shares a queue among processes', async () => {
    const producer = await start('user-service');
    const [one, two] = [await startConsumer(), await startConsumer()];
    for (let number = 1; number <= 6; number++) await publish(producer, message(number));
    expect([one.given.length, two.given.length, broker.depth('order-service.order.requested')]).toEqual([2, 2, 2]);
    one.given[0]!.answer();
    await clock.advance(0);
    expect(one.given.length).toBe(3);
  });

  it('lets a cancel overtake the backlog', async () => {
    const producer = await start('user-service');
    const { given } = await startConsumer();
    for (let number = 1; number <= 4; number++) await publish(producer, message(number));
    const { id, source } = message(4).message;
    const cancel = {
      kind: 'cancel',
      messageId: id,
      source,
      recordedAt: AT,
      attempt: 1,
      replyTo: 'user-service',
      reason: { code: 'CANCELLED' },
    } as const;
    const outcome = producer.publish(cancel, 'order-service');
    await clock.advance(0);
    expect(await outcome).toEqual({ kind: 'confirmed' });
    expect(given.at(-1)!.id).toBe(`cancel ${id}`);
  });

  it('brings an announcement to every service that listens, once', async () => {
    const producer = await start('user-service');
    const listeners = [
      await startConsumer([NEWS], 'shop'),
      await startConsumer([NEWS], 'search'),
      await startConsumer([NEWS], 'search'),
    ];
    const news = message(1, { message: { ...message(1).message, type: NEWS.type }, replyTo: undefined });
    const outcome = producer.publish(news, undefined);
    await clock.advance(0);
    expect(await outcome).toEqual({ kind: 'confirmed' });
    expect(listeners.map(({ given }) => given.length)).toEqual([1, 1, 0]);
  });

  it('gives a copy to another process when the one that has it dies', async () => {
    const producer = await start('user-service');
    const dying = await startConsumer();
    await publish(producer);
    const other = await startConsumer();
    broker.disconnect(dying.transport);
    dying.given[0]!.answer();
    await clock.advance(0);
    expect(other.given.map(({ id }) => id)).toEqual([message(1).message.id]);
  });

  it('brings a receipt again when it could not be applied', async () => {
    let tries = 0;
    const producer = await start('user-service', {
      onReceipt: async () => {
        if (++tries === 1) return { kind: 'return', problem: 'database is down', pauseMs: 1_000 };
        return { kind: 'done' };
      },
    });
    const { given } = await startConsumer();
    await publish(producer);
    const receipt = receiptOf(given[0]!);
    given[0]!.answer({ kind: 'answer', to: 'user-service', receipt });
    await clock.advance(10_000);
    expect(tries).toBe(2);
  });

  it('puts aside what is no envelope, and what nobody can be told about', async () => {
    const producer = await start('user-service');
    const { given } = await startConsumer();
    broker.inject('order-service.order.requested', { body: 'what is this' });
    await publish(producer);
    given[0]!.answer({ kind: 'quarantine', problem: 'failed for good' });
    await clock.advance(0);
    expect(broker.quarantined('order-service').map(({ problem }) => problem)).toEqual([
      'header cloudEvents_specversion is not 1.0',
      'failed for good',
    ]);
  });

  it.each([
    ['lost', fates.lost(), 'confirmed', 0],
    ['duplicated', fates.duplicated(5), 'confirmed', 2],
    ['late', fates.delayed(50), 'confirmed', 1],
    ['returned', fates.returned(), 'returned', 0],
    ['refused', fates.refused(), 'refused', 0],
    ['unknown and lost', fates.unknown(), 'unknown', 0],
    ['unknown and delivered late', fates.unknown(50), 'unknown', 1],
    ['unavailable', fates.unavailable(), 'unavailable', 0],
  ])('a publish can be %s', async (_, fate, outcome, copies) => {
    const producer = await start('user-service');
    const { given } = await startConsumer();
    plan = () => fate;
    expect((await publish(producer)).kind).toBe(outcome);
    await clock.advance(100);
    expect(given.length).toBe(copies);
  });

  it('calls a confirm that does not come in time unknown', async () => {
    const producer = await start('user-service');
    await startConsumer();
    plan = () => fates.fine(60_000);
    const outcome = producer.publish(message(1), 'order-service');
    await clock.advance(producer.publishTimeoutMs);
    expect((await outcome).kind).toBe('unknown');
  });

  it('is not ready while the broker is blocked, and goes on consuming', async () => {
    const readiness: boolean[] = [];
    const producer = await start('user-service', { onReady: (ready) => void readiness.push(ready) });
    const { given } = await startConsumer();
    broker.block();
    expect(producer.ready).toBe(false);
    expect((await publish(producer)).kind).toBe('unavailable');
    broker.inject('order-service.order.requested', encode(message(7)));
    await clock.advance(0);
    expect(given.length).toBe(1);
    broker.resume();
    expect((await publish(producer)).kind).toBe('confirmed');
    expect(given.length).toBe(2);
    expect(readiness).toEqual([true, false, true]);
  });

  it('survives a broker that goes away: what was in hand comes again, what was in flight is unknown', async () => {
    const producer = await start('user-service');
    const { given } = await startConsumer();
    await publish(producer);
    plan = () => fates.fine(100);
    const inFlight = producer.publish(message(2), 'order-service');
    broker.interrupt();
    expect((await inFlight).kind).toBe('unknown');
    given[0]!.answer();
    await clock.advance(1000);
    broker.resume();
    await clock.advance(0);
    expect(given.map(({ id }) => id)).toEqual([1, 1, 2].map((number) => message(number).message.id));
  });

  it('stops by taking nothing more and waiting for what it has in hand', async () => {
    const producer = await start('user-service');
    const { transport, given } = await startConsumer();
    await publish(producer, message(1));
    let stopped = false;
    const stopping = transport.stopConsuming(1000).then(() => (stopped = true));
    await publish(producer, message(2));
    expect([given.length, stopped]).toEqual([1, false]);
    given[0]!.answer();
    await clock.advance(0);
    expect(stopped).toBe(true);
    await stopping;
    await transport.close();
    expect(broker.depth('order-service.order.requested')).toBe(1);
  });

  it('stops waiting when the time is over; what is still in hand comes again', async () => {
    const producer = await start('user-service');
    const { transport } = await startConsumer();
    await publish(producer, message(1));
    const stopping = transport.stopConsuming(1000);
    await clock.advance(1000);
    await stopping;
    await transport.close();
    expect(broker.depth('order-service.order.requested')).toBe(1);
  });
});
