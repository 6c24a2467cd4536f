import { OutboxMessage } from '../message/contract';
import { EVERYBODY } from '../message/delivery';
import type { CancelEnvelope, MessageEnvelope, ReceiptEnvelope } from '../message/envelope';
import type { BoundFollowUp, BoundHandler, FollowUpContext, HandlerRegistry, MessageContext } from '../ports/handlers';
import type { Tracing } from '../ports/tracing';
import type { Endpoint, Transport } from '../ports/transport';
import { tracedArrival, tracedCreation, tracedHandlers, TracedTransport } from './traced';

@OutboxMessage({ type: 'order.requested', to: 'order-service' })
class OrderRequested {}

const message = (replyTo: string | undefined): MessageEnvelope => ({
  ...{ kind: 'message', attempt: 1, deadlineAt: undefined, replyTo },
  message: {
    ...{ id: '1', type: 'order.requested', source: 'user-service', key: undefined, payload: '{}', headers: {} },
    recordedAt: '2026-01-01T00:00:00Z',
  },
});
const cancel = { kind: 'cancel', messageId: '1' } as CancelEnvelope;
const receipt = { kind: 'receipt', to: 'user-service' } as ReceiptEnvelope;
const context = { messageId: '1' } as MessageContext;

describe('who traces', () => {
  /** What was told of spans, and what was done inside of them. */
  let told: unknown[];
  const inside = async <T>(about: unknown[], work: () => Promise<T>): Promise<T> => {
    told.push(about);
    const result = await work();
    told.push('over');
    return result;
  };
  const tracing: Tracing = {
    create: (_, place) => void told.push(['create', place.destination]) as never,
    publish: (_, place, work) => inside(['publish', place.destination], work),
    process: (_, place, service, work) => inside(['process', place.destination, service], work),
    settle: (_, place, work) => inside(['settle', place.destination], work),
    handle: (contexts, work) => inside(['handle', contexts.length], work),
    followUp: ({ verdict }, _, work) => inside(['followUp', verdict], work),
  };
  const plain = {
    ...{ name: 'plain', publishTimeoutMs: 10_000, ready: false },
    destination: (to: string, type: string) => `${to}/${type}`,
    publish: async (...asked: unknown[]) => {
      told.push(asked.slice(1));
      return { kind: 'confirmed' };
    },
  } as unknown as Transport & { ready: boolean; maxBodyBytes: number | undefined };
  beforeEach(() => void (told = []));

  it('has a span around every publish, with where it goes; what comes of it is the transport’s', async () => {
    const traced = new TracedTransport(plain, tracing);
    expect(await traced.publish(message('user-service'), 'order-service', 30)).toEqual({ kind: 'confirmed' });
    await traced.publish(message(undefined), undefined);
    await traced.publish(cancel, 'order-service');
    expect(told).toEqual([
      ...[['publish', 'order-service/order.requested'], ['order-service', 30], 'over'],
      ...[['publish', `${EVERYBODY}/order.requested`], [undefined, undefined], 'over'],
      ...[['publish', 'order-service/outbox.cancel'], ['order-service', undefined], 'over'],
    ]);
  });

  it('sees the transport as it is now: whether it is ready, and how much it takes', () => {
    const traced = new TracedTransport(plain, tracing);
    expect([traced.name, traced.publishTimeoutMs, traced.ready, traced.maxBodyBytes]).toEqual([
      ...['plain', 10_000, false, undefined],
    ]);
    Object.assign(plain, { ready: true, maxBodyBytes: 7 });
    expect([traced.ready, traced.maxBodyBytes]).toEqual([true, 7]);
  });

  it('finds nothing put aside where a transport does not put anything aside', async () => {
    expect(await new TracedTransport(plain, tracing).quarantined(['user-service'])).toEqual(new Map());
    const quarantined = async () => new Map([['user-service', 3]]);
    expect(await new TracedTransport({ ...plain, quarantined }, tracing).quarantined([])).toEqual(await quarantined());
  });

  it('has a span around what comes in: announcements from everybody’s place, receipts as their settlement', async () => {
    const to = {
      onEnvelope: async () => void told.push('received'),
      onReceipt: async (_: unknown, returns: number) => void told.push(returns),
    } as unknown as Pick<Endpoint, 'onEnvelope' | 'onReceipt'>;
    const arrival = tracedArrival(to, plain, tracing, 'order-service');
    await arrival.onEnvelope(message('user-service'));
    await arrival.onEnvelope(message(undefined));
    await arrival.onEnvelope(cancel);
    await arrival.onReceipt(receipt, 4);
    expect(told).toEqual([
      ...[['process', 'order-service/order.requested', 'order-service'], 'received', 'over'],
      ...[['process', `${EVERYBODY}/order.requested`, 'order-service'], 'received', 'over'],
      ...[['process', 'order-service/outbox.cancel', 'order-service'], 'received', 'over'],
      ...[['settle', 'order-service/outbox.receipt'], 4, 'over'],
    ]);
  });

  it('begins a trace where the message will go, and at its type alone if that is several places', () => {
    const create = tracedCreation(plain, tracing);
    const recorded = (...consumers: string[]) => ({
      ...{ id: '1', type: 'order.requested', headers: {} },
      deliveries: consumers.map((consumer) => ({ consumer, followUp: 'none' as const })),
    });
    create(recorded('order-service') as never);
    create(recorded('order-service', 'audit') as never);
    expect(told).toEqual([
      ['create', 'order-service/order.requested'],
      ['create', 'order.requested'],
    ]);
  });

  describe('has handlers', () => {
    const bound = { ...{ type: 'order.requested', where: 'Orders.create' }, contract: OrderRequested };
    const limits = { kind: 'request', concurrency: 8, timeoutMs: 1_000 } as const;
    const one: BoundHandler = { ...bound, ...limits, groupCommit: 1, handle: async (given) => given };
    const many: BoundHandler = { ...bound, ...limits, type: 'many', batch: 8, handle: async (given) => given };
    const followUp: BoundFollowUp = { ...bound, verdict: 'rejected', run: async (given) => given };
    const registry: HandlerRegistry = {
      handler: (type) => [one, many].find((each) => each.type === type),
      handlers: () => [one, many],
      followUp: (type, verdict) => (type === one.type && verdict === 'rejected' ? followUp : undefined),
      followUps: () => [followUp],
    };
    let traced: HandlerRegistry;
    beforeEach(() => void (traced = tracedHandlers(registry, tracing)));

    it('and follow-ups that run within their spans, an array handler in one for all', async () => {
      const [first, second] = traced.handlers() as [BoundHandler, BoundHandler];
      const given = [{ n: 1 }, { n: 2 }];
      if (first.batch !== undefined || second.batch === undefined) throw new Error('they were exchanged');
      expect(await first.handle(given[0]!, context)).toBe(given[0]);
      expect(await second.handle(given, [context, context])).toBe(given);
      expect(await traced.followUps()[0]!.run(given[0]!, context as FollowUpContext)).toBe(given[0]);
      expect(told).toEqual([['handle', 1], 'over', ['handle', 2], 'over', ['followUp', 'rejected'], 'over']);
    });

    it('that are the same ones for the same question, as a registry promises, and none where there is none', () => {
      expect(traced.handler('order.requested')).toBe(traced.handlers()[0]);
      expect(traced.followUp('order.requested', 'rejected')).toBe(traced.followUps()[0]);
      expect([traced.handler('x'), traced.followUp('order.requested', 'accepted')]).toEqual([undefined, undefined]);
    });

    it('that are bound as the others are', () => {
      expect(traced.handler('many')).toMatchObject({ ...limits, where: 'Orders.create', batch: 8 });
      expect(traced.followUps()[0]).toMatchObject({ verdict: 'rejected', where: 'Orders.create' });
    });
  });
});
