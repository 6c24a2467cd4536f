import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { MessageRejected, OutboxMessage } from '../../index';
import { type Behaviour, compensate, handle, handleBatch, onAccepted, OutboxHarness } from '../../testing';
import { openTelemetryTracing } from './index';

@OutboxMessage({ type: 'order.requested', to: 'order-service' })
class OrderRequested {}
@OutboxMessage({ type: 'order.shipped' })
class OrderShipped {}

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });

beforeAll(() => provider.register());
afterAll(async () => {
  await provider.shutdown();
  trace.disable();
  context.disable();
  propagation.disable();
});
afterEach(() => exporter.reset());

const tracing = openTelemetryTracing();

async function shop(orders: Behaviour[], followUps: Behaviour[] = [], consumerTraces = true) {
  const system = new OutboxHarness();
  await system.service('order-service', orders, consumerTraces ? { tracing } : {});
  const users = await system.service('user-service', followUps, { tracing });
  return { system, users };
}

/** One request, as an instrumentation of HTTP would trace it. */
function request<T>(work: () => Promise<T>): Promise<T> {
  return trace.getTracer('test').startActiveSpan('POST /purchases', async (span) => work().finally(() => span.end()));
}

/** Children below their parents, by name: spans of one virtual moment have no order. */
function treeOf(spans: readonly ReadableSpan[], parent?: string, depth = 0): string[] {
  const below = spans
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)
    .map((span) => {
      const failed = span.status.code === SpanStatusCode.ERROR ? `: ${String(span.attributes['error.type'])}` : '';
      const line = `${'  '.repeat(depth)}${span.name}${failed}`;
      return [line, ...treeOf(spans, span.spanContext().spanId, depth + 1)];
    });
  return below.sort(([one], [other]) => (one! < other! ? -1 : 1)).flat();
}

function tree(): string[] {
  const spans = exporter.getFinishedSpans();
  expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1);
  return treeOf(spans);
}

const REQUEST = 'order-service.order.requested';
const RECEIPT = 'user-service.outbox.receipt';

describe('openTelemetryTracing', () => {
  it('makes one trace of a request, its message, the verdict and what follows from it', async () => {
    const { system, users } = await shop(
      [handle(OrderRequested, async () => ({ orderId: 7 }))],
      [onAccepted(OrderRequested, async () => {})],
    );
    await request(() => users.add(OrderRequested, {}));
    await system.drain();
    expect(tree()).toEqual([
      'POST /purchases',
      `  create ${REQUEST}`,
      `    process ${REQUEST}`,
      `      settle ${RECEIPT}`,
      '        on accepted order.requested',
      `    publish ${REQUEST}`,
    ]);
  });

  it('names and describes spans as the conventions do, and links to the creation', async () => {
    const { system, users } = await shop([handle(OrderRequested, async () => {})]);
    const { id } = await request(() => users.add(OrderRequested, {}));
    await system.drain();
    const spans = exporter.getFinishedSpans();
    const called = (name: string): ReadableSpan => spans.find((span) => span.name.startsWith(name))!;
    const creation = called('create').spanContext();
    expect(
      ['create', 'publish', 'process', 'settle'].map((name) => [called(name).kind, called(name).attributes]),
    ).toEqual([
      [
        SpanKind.PRODUCER,
        {
          'messaging.system': 'memory',
          'messaging.operation.name': 'create',
          'messaging.operation.type': 'create',
          'messaging.destination.name': REQUEST,
          'messaging.message.id': id,
          'tallystick.type': 'order.requested',
        },
      ],
      [
        SpanKind.CLIENT,
        {
          'messaging.system': 'memory',
          'messaging.operation.name': 'publish',
          'messaging.operation.type': 'send',
          'messaging.destination.name': REQUEST,
          'messaging.message.id': id,
          'tallystick.type': 'order.requested',
          'tallystick.attempt': 1,
          'tallystick.outcome': 'confirmed',
        },
      ],
      [
        SpanKind.CONSUMER,
        {
          'messaging.system': 'memory',
          'messaging.operation.name': 'process',
          'messaging.operation.type': 'process',
          'messaging.destination.name': REQUEST,
          'messaging.message.id': id,
          'messaging.consumer.group.name': 'order-service',
          'tallystick.type': 'order.requested',
          'tallystick.attempt': 1,
          'tallystick.verdict': 'accepted',
        },
      ],
      [
        SpanKind.CONSUMER,
        {
          'messaging.system': 'memory',
          'messaging.operation.name': 'settle',
          'messaging.operation.type': 'settle',
          'messaging.destination.name': RECEIPT,
          'messaging.message.id': `${id}.1`,
          'messaging.message.conversation_id': id,
          'messaging.consumer.group.name': 'order-service',
          'tallystick.verdict': 'accepted',
        },
      ],
    ]);
    for (const name of ['publish', 'process'])
      expect(called(name).links.map((link) => link.context.spanId)).toEqual([creation.spanId]);
  });

  it('goes on through a handler that fails, a copy, a rejection, and a refund that fails and comes again', async () => {
    let tries = 0;
    let refunds = 0;
    const { system, users } = await shop(
      [
        handle(OrderRequested, async () => {
          if (tries++ === 0) throw new Error('the database is away');
          throw new MessageRejected('OUT_OF_STOCK');
        }),
      ],
      [
        compensate(OrderRequested, async () => {
          if (refunds++ === 0) throw new TypeError('the bank is closed');
        }),
      ],
    );
    await request(() => users.add(OrderRequested, {}));
    await system.drain();
    expect(tree()).toEqual([
      'POST /purchases',
      `  create ${REQUEST}`,
      '    compensate order.requested',
      `    process ${REQUEST}`,
      `      settle ${RECEIPT}`,
      '        compensate order.requested: TypeError',
      `    process ${REQUEST}: deferred`,
      `      settle ${RECEIPT}`,
      `    publish ${REQUEST}`,
      `    publish ${REQUEST}`,
    ]);
  });

  it('goes on into what a handler adds, also when it shares its transaction with others', async () => {
    const system = new OutboxHarness();
    const orders = await system.service(
      'order-service',
      [
        handle(OrderRequested, async () => void (await orders.outbox.add(OrderShipped, {})), {
          concurrency: 8,
          groupCommit: 'auto',
        }),
      ],
      { tracing },
    );
    await system.service('mail-service', [handle(OrderShipped, async () => {})], { tracing });
    const users = await system.service('user-service', [], { tracing });
    const requests = Array.from({ length: 6 }, () => request(() => users.add(OrderRequested, {})));
    await Promise.all(requests);
    await system.drain();
    const spans = exporter.getFinishedSpans();
    const shipped = spans.filter(({ name }) => name === 'create *.order.shipped');
    const parents = shipped.map(({ parentSpanContext }) => parentSpanContext!.spanId).sort();
    const handlings = spans.filter(({ name }) => name === `process ${REQUEST}`);
    expect(parents).toEqual(handlings.map((span) => span.spanContext().spanId).sort());
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(6);
  });

  it('does not take several messages in one call for one of them', async () => {
    const active: unknown[] = [];
    const { system, users } = await shop([
      handleBatch(
        OrderRequested,
        async (messages) => {
          if (messages.length > 1) active.push(trace.getActiveSpan());
          await new Promise<void>((resolve) => system.clock.schedule(100, resolve)); // so that others gather
        },
        { batch: 8 },
      ),
    ]);
    await users.transactions.run(() => users.outbox.addAll(OrderRequested, [{}, {}, {}, {}, {}]));
    await system.drain();
    expect(active.length).toBeGreaterThan(0);
    expect(active.filter((span) => span !== undefined)).toEqual([]);
  });

  it('goes on behind a consumer that does not trace, and through a cancel', async () => {
    const { system, users } = await shop([], [compensate(OrderRequested, async () => {})], false);
    system.broker.block();
    const { id } = await request(() => users.add(OrderRequested, {}));
    await users.outbox.cancel(id, { reason: 'changed my mind' });
    system.broker.resume();
    await system.drain();
    expect(tree()).toEqual([
      'POST /purchases',
      `  create ${REQUEST}`,
      '    publish order-service.outbox.cancel',
      `    settle ${RECEIPT}`,
      '      compensate order.requested',
    ]);
  });

  it('leaves alone what the caller says about the trace', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const { system, users } = await shop([handle(OrderRequested, async () => {})]);
    await users.add(OrderRequested, {}, { headers: { traceparent } });
    await system.drain();
    const traces = exporter.getFinishedSpans().map((span) => span.spanContext().traceId);
    expect(new Set(traces)).toEqual(new Set(['4bf92f3577b34da6a3ce929d0e0e4736']));
  });

  it('records nothing when what should be recorded is refused, and says so in the span', async () => {
    const { users } = await shop([]);
    const id = '018f0000-0000-7000-8000-000000000001';
    await users.add(OrderRequested, {}, { id });
    await expect(request(() => users.add(OrderRequested, {}, { id }))).rejects.toThrow();
    const failed = exporter.getFinishedSpans().filter(({ status }) => status.code === SpanStatusCode.ERROR);
    expect(failed.map(({ name, attributes }) => [name, attributes['error.type']])).toEqual([
      [`create ${REQUEST}`, 'MessageAlreadyRecordedError'],
    ]);
  });

  it('adds nothing to messages while no SDK is registered', async () => {
    const handled: object[] = [];
    const system = new OutboxHarness();
    const nobody = openTelemetryTracing({ provider: { getTracer: () => NOOP } });
    await system.service(
      'order-service',
      [handle(OrderRequested, async (_, { headers }) => void handled.push(headers))],
      { tracing: nobody },
    );
    const users = await system.service('user-service', [], { tracing: nobody });
    const { id } = await users.add(OrderRequested, {});
    await system.drain();
    expect(handled).toEqual([{}]);
    expect(await users.status(id)).toMatchObject({ deliveries: [{ state: 'completed' }] });
  });
});

/** What the API itself hands out before an SDK is there. */
const NOOP = new (class {
  startSpan() {
    return trace.wrapSpanContext({ traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 });
  }
  startActiveSpan(): never {
    throw new Error('not used here');
  }
})();
