import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { freePort, until } from '@tallystick/services';
import { PLAIN } from '../../message/codec';
import type { OutboxEvent } from '../../message/events';
import { type CancelEnvelope, encode, type MessageEnvelope, type ReceiptEnvelope } from '../../message/envelope';
import type { Receipt } from '../../message/receipt';
import type { Endpoint, Reaction, Transport } from '../../ports/transport';
import { SystemClock } from '../system/system-clock';
import { SystemRandom } from '../system/system-random';
import { direct } from './direct-factory';
import type { DirectOptions } from './direct-options';
import { PATTERN } from './replies';

const random = new SystemRandom();
const cleanups: Array<() => unknown> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A service: its transport, and an endpoint that notes what happens to it. */
class Service {
  readonly received: Array<MessageEnvelope | CancelEnvelope> = [];
  readonly receipts: Receipt[] = [];
  readonly malformed: string[] = [];
  readonly readiness: boolean[] = [];
  readonly events: OutboxEvent[] = [];
  react = (envelope: MessageEnvelope | CancelEnvelope): Reaction | Promise<Reaction> => this.accept(envelope);
  apply = async (_: ReceiptEnvelope): Promise<void> => {};
  readonly transport: Transport;

  constructor(
    readonly name: string,
    options: DirectOptions,
  ) {
    this.transport = direct(options).create({
      service: name,
      clock: new SystemClock(),
      random,
      monitor: { record: (event) => this.events.push(event) },
      codec: PLAIN,
      maxPayloadBytes: 262_144,
      resolve: () => undefined,
    });
    cleanups.push(() => this.transport.close());
  }

  async start(concurrency = 10): Promise<this> {
    const endpoint: Endpoint = {
      service: this.name,
      database: undefined,
      subscriptions: [{ type: 'order.requested', kind: 'request', concurrency }],
      onEnvelope: async (envelope) => {
        this.received.push(envelope);
        return this.react(envelope);
      },
      onReceipt: async (envelope) => {
        await this.apply(envelope);
        this.receipts.push(envelope.receipt);
        return { kind: 'done' };
      },
      onMalformed: ({ problem }) => this.malformed.push(problem),
      onReady: (ready) => this.readiness.push(ready),
    };
    await this.transport.start(endpoint);
    return this;
  }

  accept(envelope: MessageEnvelope | CancelEnvelope, consumer = this.name): Reaction {
    const receipt: Receipt = { ...answerTo(envelope, consumer), verdict: 'accepted', result: { orderId: 7 } };
    return { kind: 'answer', to: 'user-service', receipt };
  }
}

function answerTo(envelope: MessageEnvelope | CancelEnvelope, consumer: string) {
  const messageId = envelope.kind === 'cancel' ? envelope.messageId : envelope.message.id;
  const recordedAt = '2026-11-20T10:00:00.000Z';
  return { messageId, consumer, attempt: envelope.attempt, recordedAt, payloadHash: '5e'.repeat(32) };
}

function message(type = 'order.requested'): MessageEnvelope {
  return {
    kind: 'message',
    message: {
      id: random.id(),
      type,
      source: 'user-service',
      key: 'user-1',
      payload: '{"sku": "tea", "note": "ordentlich heiß ☕", "quantity":1.0}',
      headers: { 'tenant-id': 'acme' },
      recordedAt: '2026-11-20T09:59:59.123456Z',
    },
    attempt: 3,
    deadlineAt: '2026-11-20T10:15:00.000Z',
    replyTo: 'user-service',
  };
}

function cancellation(): CancelEnvelope {
  const { id: messageId, source, recordedAt } = message().message;
  const reason = { code: 'CANCELLED', message: 'changed my mind' };
  return { kind: 'cancel', messageId, source, recordedAt, attempt: 1, replyTo: 'user-service', reason };
}

function announcement(): MessageEnvelope {
  return { ...message('user.registered'), deadlineAt: undefined, replyTo: undefined };
}

/** A consumer that listens, and a producer that knows it. */
async function pair(options: Partial<DirectOptions> = {}, concurrency?: number) {
  const address = `127.0.0.1:${await freePort()}`;
  const orders = await new Service('order-service', { listen: address }).start(concurrency);
  const users = await new Service('user-service', { peers: { 'order-service': address }, ...options }).start();
  return { orders, users, address };
}

/** A server that is none of ours. */
async function stranger(onSocket: (socket: Socket) => void): Promise<{ address: string; server: Server }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as { port: number }).port}`, server };
}

/** A promise and the way to resolve it. */
function gate<T = void>() {
  let open!: (value: T) => void;
  const opened = new Promise<T>((resolve) => (open = resolve));
  return { open, opened };
}

describe('a call', () => {
  it('brings the receipt, and resolves when that is applied', async () => {
    const { orders, users } = await pair();
    const envelope = message();

    expect(await users.transport.publish(envelope, 'order-service')).toEqual({ kind: 'replied' });

    expect(orders.received).toEqual([envelope]);
    expect(users.receipts).toEqual([
      { ...answerTo(envelope, 'order-service'), verdict: 'accepted', result: { orderId: 7 } },
    ]);
  });

  it('carries a cancel too', async () => {
    const { orders, users } = await pair();
    const cancel = cancellation();

    expect(await users.transport.publish(cancel, 'order-service')).toEqual({ kind: 'replied' });

    expect(orders.received).toEqual([cancel]);
    expect(users.receipts).toHaveLength(1);
  });

  it('is unknown while a twin is being handled: the twin answers', async () => {
    const { orders, users } = await pair();
    orders.react = () => ({ kind: 'silence' });
    expect(await users.transport.publish(message(), 'order-service')).toMatchObject({
      kind: 'unknown',
      error: expect.stringMatching(/order-service at 127.0.0.1:\d+: another copy of this message is being handled/),
    });
  });

  it('is unknown when the receipt could not be applied', async () => {
    const { users } = await pair();
    users.apply = () => Promise.reject(new Error('the database is down'));
    expect(await users.transport.publish(message(), 'order-service')).toMatchObject({
      kind: 'unknown',
      error: expect.stringContaining('the database is down'),
    });
  });

  it('is unknown when applying the receipt takes too long, and does not wait for it', async () => {
    const { users } = await pair({ timeout: 100 });
    const late = gate();
    users.apply = () => late.opened;
    expect((await users.transport.publish(message(), 'order-service')).kind).toBe('unknown');
    late.open();
  });

  it('is refused for a consumer without an address', async () => {
    const { users } = await pair();
    expect(await users.transport.publish(message(), 'mail-service')).toEqual({
      kind: 'refused',
      error: "no address is known for 'mail-service': add it to direct({ peers })",
    });
  });

  it('is refused with the reason when the consumer can only put it aside', async () => {
    const { orders, users } = await pair();
    orders.react = () => ({ kind: 'quarantine', problem: 'nobody to tell' });
    expect(await users.transport.publish(message(), 'order-service')).toMatchObject({
      kind: 'refused',
      error: expect.stringContaining('nobody to tell'),
    });
  });

  it('reports a reply that is not from whom it claims to be, and applies nothing', async () => {
    const { orders, users } = await pair();
    orders.react = (envelope) => {
      const { receipt } = orders.accept(envelope) as { receipt: Receipt };
      return { kind: 'answer', to: 'user-service', receipt: { ...receipt, payloadHash: 'none' } as Receipt };
    };

    expect(await users.transport.publish(message(), 'order-service')).toMatchObject({
      kind: 'unknown',
      error: expect.stringContaining('the reply is malformed'),
    });
    expect(users.malformed).toHaveLength(1);
    expect(users.receipts).toEqual([]);
  });

  it.each<[string, (envelope: MessageEnvelope | CancelEnvelope, orders: Service) => Reaction, RegExp]>([
    ['another message', (_, orders) => orders.accept(message()), /answers something else/],
    ['another service', (envelope, orders) => orders.accept(envelope, 'mail-service'), /signed by mail-service/],
  ])('is unknown when the reply is a receipt of %s, which is not applied', async (_, react, error) => {
    const { orders, users } = await pair();
    orders.react = (envelope) => react(envelope, orders);
    expect(await users.transport.publish(message(), 'order-service')).toEqual({
      kind: 'unknown',
      error: expect.stringMatching(error),
    });
    expect(users.receipts).toEqual([]);
  });
});

describe('an announcement', () => {
  async function audience(listeners: readonly string[] = ['mail-service', 'order-service']) {
    const addresses = { mail: `127.0.0.1:${await freePort()}`, orders: `127.0.0.1:${await freePort()}` };
    const mail = await new Service('mail-service', { listen: addresses.mail }).start();
    const orders = await new Service('order-service', { listen: addresses.orders }).start();
    const users = await new Service('user-service', {
      peers: { 'mail-service': addresses.mail, 'order-service': addresses.orders },
      listeners: { 'user.registered': listeners },
    }).start();
    return { mail, orders, users };
  }

  it('is confirmed when every listener has given a verdict; nobody applies one', async () => {
    const { mail, orders, users } = await audience();
    const envelope = announcement();

    expect(await users.transport.publish(envelope, undefined)).toEqual({ kind: 'confirmed' });

    expect(mail.received).toEqual([{ ...envelope, replyTo: 'user-service' }]);
    expect(orders.received).toEqual(mail.received);
    expect(users.receipts).toEqual([]);
  });

  it('goes to the configured listeners only', async () => {
    const { mail, orders, users } = await audience(['mail-service']);
    expect(await users.transport.publish(announcement(), undefined)).toEqual({ kind: 'confirmed' });
    expect([mail.received.length, orders.received.length]).toEqual([1, 0]);
  });

  it('is returned when nobody is configured to hear it', async () => {
    const { users } = await audience();
    const unheard = { ...announcement(), message: { ...announcement().message, type: 'user.forgotten' } };
    expect(await users.transport.publish(unheard, undefined)).toEqual({ kind: 'returned' });
  });

  it.each<[string, Pick<Extract<Receipt, { verdict: 'deferred' | 'unprocessable' }>, 'verdict' | 'reason'>, string]>([
    ['put off', { verdict: 'deferred', reason: { code: 'FAILED', message: 'no disk' } }, 'deferred, FAILED no disk'],
    ['not understood', { verdict: 'unprocessable', reason: { code: 'UNKNOWN_TYPE' } }, 'unprocessable, UNKNOWN_TYPE'],
  ])('is unknown when one listener has %s it, and names that listener', async (_, part, text) => {
    const { mail, users } = await audience();
    mail.react = (envelope) => ({
      kind: 'answer',
      to: 'user-service',
      receipt: { ...answerTo(envelope, mail.name), ...part },
    });
    const outcome = await users.transport.publish(announcement(), undefined);
    expect(outcome).toEqual({
      kind: 'unknown',
      error: expect.stringMatching(new RegExp(`^mail-service at .*: ${text}`)),
    });
    expect((outcome as { error: string }).error).not.toContain('order-service');
  });

  it('is unknown when one listener cannot be reached and another may have heard it', async () => {
    const { mail, orders, users } = await audience();
    await mail.transport.close();
    expect(await users.transport.publish(announcement(), undefined)).toEqual({
      kind: 'unknown',
      error: expect.stringMatching(/^mail-service at .*ECONNREFUSED/),
    });
    expect(orders.received).toHaveLength(1);
  });
});

describe('several processes behind one address', () => {
  it('are asked in turn while one of them does not know the type, and nothing in flight is lost by it', async () => {
    const ports = [await freePort(), await freePort()];
    const [old, current] = await Promise.all(
      ports.map((port) => new Service('order-service', { listen: `127.0.0.1:${port}` }).start()),
    );
    let turn = 0;
    const { address } = await stranger((socket) => {
      const onwards = connect(ports[turn++ % 2]!, '127.0.0.1');
      for (const [one, other] of [
        [socket, onwards],
        [onwards, socket],
      ] as const)
        one.pipe(other).on('error', () => {});
      socket.on('close', () => onwards.destroy());
    });
    const users = await new Service('user-service', { peers: { 'order-service': address } }).start();
    const slow = gate();
    old!.react = async (envelope) => {
      const known = envelope.kind === 'cancel' || envelope.message.type === 'order.requested';
      if (known) await slow.opened;
      if (known) return old!.accept(envelope);
      const reason = { code: 'UNKNOWN_TYPE' };
      return {
        kind: 'answer',
        to: 'user-service',
        receipt: { ...answerTo(envelope, 'order-service'), verdict: 'unprocessable', reason },
      };
    };

    const inFlight = users.transport.publish(message(), 'order-service');
    await until('the old one has it', async () => old!.received.length === 1);
    await until('the new one was asked', async () => {
      await users.transport.publish(message('order.requested.v2'), 'order-service');
      return current!.received.length === 1;
    });
    slow.open();

    expect(await inFlight).toEqual({ kind: 'replied' });
    expect(users.receipts.at(-1)).toMatchObject({ verdict: 'accepted' });
    expect(users.readiness).toEqual([true]);
  });
});

describe('a peer that does not answer', () => {
  it('makes the call unknown when the time is over, and costs it the connection', async () => {
    const hungUp = gate();
    const { address } = await stranger((socket) => socket.resume().on('close', () => hungUp.open()));
    const users = await new Service('user-service', { peers: { 'order-service': address }, timeout: 100 }).start();

    expect(await users.transport.publish(message(), 'order-service')).toEqual({
      kind: 'unknown',
      error: `order-service at ${address}: no answer within 100ms (\`timeout\` of direct())`,
    });
    await hungUp.opened;
  });

  it('keeps its connection when it is only slow: other calls were answered meanwhile', async () => {
    const { orders, users } = await pair({ timeout: 200 });
    const late = gate();
    orders.react = async (envelope) => {
      if (orders.received.length === 1) await late.opened;
      return orders.accept(envelope);
    };
    const slow = users.transport.publish(message(), 'order-service');
    expect((await users.transport.publish(message(), 'order-service')).kind).toBe('replied');
    expect((await slow).kind).toBe('unknown');
    late.open();
    expect((await users.transport.publish(message(), 'order-service')).kind).toBe('replied');
    expect(users.readiness).toEqual([true]);
  });

  it.each<[string, string]>([
    ['nonsense', '{"id":"$ID","response":{"kind":"cheese"},"isDisposed":true}'],
    ['nothing', '{"id":"$ID","isDisposed":true}'],
    ['a receipt without headers', '{"id":"$ID","response":{"kind":"receipt","wire":{"body":"{}"}},"isDisposed":true}'],
    [
      'a malformed receipt',
      '{"id":"$ID","response":{"kind":"receipt","wire":{"body":"{}","headers":{}}},"isDisposed":true}',
    ],
    ['an error', '{"id":"$ID","err":"no such pattern"}'],
    ['a broken frame', 'not even JSON'],
  ])('makes the call unknown when what it sends back is %s', async (_, reply) => {
    const { address } = await stranger((socket) => {
      socket.on('data', (data) => {
        const text = reply.replace('$ID', /"id":"([^"]+)"/.exec(data.toString())![1]!);
        socket.write(`${text.length}#${text}`);
      });
    });
    const users = await new Service('user-service', { peers: { 'order-service': address }, timeout: '5s' }).start();
    expect((await users.transport.publish(message(), 'order-service')).kind).toBe('unknown');
  });
});

it('hangs up on a peer that sends more than any receipt can be, before the call is over', async () => {
  const hungUp = gate();
  const { address } = await stranger((socket) => {
    socket.once('data', () => socket.write(`9999999#{"id":"${'x'.repeat(2 * 1024 * 1024)}`));
    socket.once('end', () => hungUp.open());
  });
  const users = await new Service('user-service', { peers: { 'order-service': address }, timeout: '20s' }).start();
  let over = false;
  const call = users.transport.publish(message(), 'order-service').finally(() => (over = true));

  await hungUp.opened;

  expect(over).toBe(false);
  await users.transport.close();
  expect((await call).kind).toBe('unknown');
});

describe('a peer that is down', () => {
  it('is unavailable at once, takes no call, and makes the transport wait', async () => {
    const users = await new Service('user-service', {
      peers: { 'order-service': `127.0.0.1:${await freePort()}` },
    }).start();
    expect(users.transport.ready).toBe(true); // nobody has tried yet

    expect(await users.transport.publish(message(), 'order-service')).toEqual({ kind: 'unavailable' });
    expect(users.transport.ready).toBe(false);
    expect(users.readiness).toEqual([true, false]);
    expect(await users.transport.publish(message(), 'order-service')).toEqual({ kind: 'unavailable' });
  });

  it('does not stand in the way of another peer', async () => {
    const down = `127.0.0.1:${await freePort()}`;
    const up = `127.0.0.1:${await freePort()}`;
    await new Service('order-service', { listen: up }).start();
    const users = await new Service('user-service', { peers: { 'order-service': up, 'mail-service': down } }).start();

    const outcomes = [
      await users.transport.publish(message(), 'mail-service'),
      await users.transport.publish(message(), 'order-service'),
    ];

    // Refused, not unavailable: the row backs off with the reason, while the relay goes on with the others.
    const error = expect.stringMatching(/^mail-service at .*ECONNREFUSED/);
    expect(outcomes).toEqual([{ kind: 'refused', error }, { kind: 'replied' }]);
    expect(users.transport.ready).toBe(true);
  });

  it('was killed during a call: unknown; is connected to again when it is back', async () => {
    const { orders, users, address } = await pair();
    orders.react = async () => {
      await orders.transport.close();
      return { kind: 'silence' };
    };
    expect(await users.transport.publish(message(), 'order-service')).toMatchObject({ kind: 'unknown' });
    await until('the loss is noticed', () => !users.transport.ready);
    expect(await users.transport.publish(message(), 'order-service')).toEqual({ kind: 'unavailable' });

    await new Service('order-service', { listen: address }).start();
    await until('the peer is back', () => users.transport.ready);
    expect(await users.transport.publish(message(), 'order-service')).toEqual({ kind: 'replied' });
    expect(users.readiness).toEqual([true, false, true]);
    expect(users.events.filter(({ event }) => event === 'transport.trouble')).toHaveLength(1);
  });
});

describe('the window', () => {
  it('lets no more calls out than it holds; the others wait for their turn', async () => {
    const { orders, users } = await pair({ window: 2 });
    const gates = [gate(), gate(), gate()];
    orders.react = async (envelope) => {
      await gates[orders.received.indexOf(envelope)]!.opened;
      return orders.accept(envelope);
    };
    const outcomes = [1, 2, 3].map(() => users.transport.publish(message(), 'order-service'));
    await until('two calls are there', () => orders.received.length === 2);

    gates[0]!.open();
    await until('the third call is there', () => orders.received.length === 3);

    gates.forEach(({ open }) => open());
    expect(await Promise.all(outcomes)).toEqual([1, 2, 3].map(() => ({ kind: 'replied' })));
  });

  it('refuses a call that found no place in time: it was certainly not sent', async () => {
    const { orders, users } = await pair({ window: 1, timeout: 100 });
    const late = gate();
    orders.react = async (envelope) => {
      if (orders.received.length > 1) await late.opened;
      return orders.accept(envelope);
    };
    await users.transport.publish(message(), 'order-service');
    users.apply = () => late.opened; // holds the place for the whole time-out, and is heard of: the connection stays

    const [holding, waiting] = await Promise.all([1, 2].map(() => users.transport.publish(message(), 'order-service')));
    expect(holding!.kind).toBe('unknown');
    expect(['refused', 'unknown']).toContain(waiting!.kind);
    late.open();
  });
});

describe('a consumer', () => {
  it('handles as many messages at once as the subscription says, and is busy when too many wait', async () => {
    const { orders, users } = await pair({ window: 100 }, 2);
    const all = gate();
    let running = 0;
    let most = 0;
    orders.react = async (envelope) => {
      most = Math.max(most, ++running);
      await all.opened;
      running -= 1;
      return orders.accept(envelope);
    };
    const outcomes = Array.from({ length: 12 }, () => users.transport.publish(message(), 'order-service'));

    // 2 run, 8 wait, 2 are turned away
    const refused = { kind: 'refused', error: expect.stringContaining('too many calls at once') };
    expect(await Promise.race(outcomes)).toEqual(refused);
    all.open();
    const kinds = (await Promise.all(outcomes)).map(({ kind }) => kind).sort();
    expect(kinds).toEqual(['refused', 'refused', ...Array<string>(10).fill('replied')]);
    expect(most).toBe(2);
  });

  it('lets a cancel overtake the backlog', async () => {
    const { orders, users } = await pair({}, 1);
    const all = gate();
    orders.react = async (envelope) => {
      if (envelope.kind === 'message') await all.opened;
      return orders.accept(envelope);
    };
    const backlog = [1, 2, 3].map(() => users.transport.publish(message(), 'order-service'));
    const cancel = cancellation();

    expect((await users.transport.publish(cancel, 'order-service')).kind).toBe('replied');
    all.open();
    await Promise.all(backlog);
  });

  it('that stops answers what it has begun, and is busy for everybody else', async () => {
    const { orders, users } = await pair({}, 1);
    const all = gate();
    orders.react = async (envelope) => {
      if (envelope.kind === 'message') await all.opened;
      return orders.accept(envelope);
    };
    const begun = users.transport.publish(message(), 'order-service');
    const waiting = users.transport.publish(message(), 'order-service');
    // Frames of one connection are read in order: once this one is answered, the other two have been read.
    await users.transport.publish(cancellation(), 'order-service');

    const stopped = orders.transport.stopConsuming(10_000);
    const refused = { kind: 'refused', error: expect.stringContaining('too many calls at once') };
    expect(await waiting).toEqual(refused);
    expect(await users.transport.publish(message(), 'order-service')).toEqual(refused);
    all.open();
    await stopped;
    await orders.transport.close();
    expect(await begun).toEqual({ kind: 'replied' });
  });

  it('that stops does not wait for ever', async () => {
    const { orders, users } = await pair();
    const never = gate<Reaction>();
    orders.react = () => never.opened;
    const call = users.transport.publish(message(), 'order-service');
    await until('the call has begun', () => orders.received.length === 1);

    await orders.transport.stopConsuming(50);
    await orders.transport.close();
    expect((await call).kind).toBe('unknown');
    never.open({ kind: 'silence' });
  });

  it('says what is wrong when its address is taken', async () => {
    const { address } = await stranger(() => {});
    const orders = new Service('order-service', { listen: address });
    await expect(orders.start()).rejects.toThrow(
      `The direct transport cannot listen on ${address}: Error: listen EADDRINUSE`,
    );
  });

  const frame = (value: unknown): string => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `${text.length}#${text}`;
  };
  const call = (data: unknown): string => frame({ pattern: PATTERN, id: 'x', data });
  const nested = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
  it.each<[string, string]>([
    ['no number before the #', 'cheese#{}'],
    ['a negative length', '-5#{}'],
    ['no JSON', frame('{"pattern":')],
    ['a number', frame(5)],
    ['null', frame('null')],
    ['an unknown pattern', frame({ pattern: 'other', id: 'x', data: {} })],
    ['a nested pattern', frame(`{"pattern":${nested},"id":"x"}`)],
    ['an event', frame({ pattern: PATTERN, data: {} })],
    ['no data', call(undefined)],
    ['data of another type', call('wire')],
    ['no headers', call({ wire: { body: '{}' } })],
    ['a body that is no text', call({ wire: { headers: {}, body: { a: 1 } } })],
    ['headers of another specification', call({ wire: { headers: { cloudEvents_specversion: '2.0' }, body: '{}' } })],
    [
      'polluting headers',
      call({ wire: JSON.parse('{"headers":{"__proto__":{"polluted":true}},"body":"{}"}') as object }),
    ],
  ])('survives a frame with %s', async (_, text) => {
    const { orders, users, address } = await pair();
    const socket = connect(Number(address.split(':')[1]), '127.0.0.1').on('error', () => {});
    cleanups.push(() => socket.destroy());
    socket.write(text);
    await until(
      'it was noticed',
      async () => orders.malformed.length + orders.events.length > 0 || socket.bytesRead > 0,
    );

    expect(await users.transport.publish(message(), 'order-service')).toEqual({ kind: 'replied' });
    expect(orders.received).toHaveLength(1);
    expect(JSON.stringify(orders.events)).not.toContain('{\\"pattern');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  /** Somebody who connects and says something else than he should. */
  async function rude(address: string): Promise<Socket> {
    const socket = connect(Number(address.split(':')[1]), '127.0.0.1').on('error', () => {});
    cleanups.push(() => socket.destroy());
    await once(socket, 'connect');
    return socket.resume();
  }

  /** `once` would reject for the reset that comes before. */
  const end = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

  it('hangs up on a frame larger than any envelope can be', async () => {
    const { orders, address } = await pair();
    const socket = await rude(address);
    socket.write(`99999999#${'x'.repeat(17 * 1024 * 1024)}`);
    await end(socket);
    expect(orders.events).toContainEqual(
      expect.objectContaining({ problem: expect.stringContaining('oversized frame') }),
    );
  });

  it.each([
    ['announces more than a payload of maxPayloadBytes can need', '600000#'],
    ['begins with anything but a length', 'GET / HTTP/1.1'],
    ['holds no object', '20#['],
  ])('hangs up at once on a frame that %s', async (_, text) => {
    const { users, address } = await pair({ timeout: '5m' });
    const socket = await rude(address);
    socket.write(text);
    await end(socket);
    expect(await users.transport.publish(message(), 'order-service')).toEqual({ kind: 'replied' });
  });

  it('takes a message with the largest payload, escaped at its worst', async () => {
    const { orders, users } = await pair();
    const payload = `"${'\\n'.repeat(131_071)}"`;
    expect(Buffer.byteLength(payload)).toBe(262_144);
    const envelope = { ...message(), message: { ...message().message, payload } };
    expect(await users.transport.publish(envelope, 'order-service')).toEqual({ kind: 'replied' });
    expect(orders.received).toEqual([envelope]);
  });

  it('hangs up when a frame takes longer than a call may, however steadily its bytes come', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const orders = await new Service('order-service', { listen: address, timeout: 200 }).start();
    const socket = await rude(address);
    const closed = end(socket);
    socket.write('500000#{');
    const drip = setInterval(() => socket.write(' '), 10);
    cleanups.push(() => clearInterval(drip));
    await closed;
    expect(orders.events).toHaveLength(1);
  });

  it('holds no more connections than it was told to, and takes the next when one is gone', async () => {
    const address = `127.0.0.1:${await freePort()}`;
    await new Service('order-service', { listen: address, maxConnections: 2 }).start();
    const [first] = [await rude(address), await rude(address)];
    await end(await rude(address));
    first.destroy();
    const users = await new Service('user-service', { peers: { 'order-service': address } }).start();
    await until('there is room', async () => {
      const outcome = await users.transport.publish(message(), 'order-service');
      return outcome.kind === 'replied';
    });
  });

  it('reads no more from a caller who reads no replies, and lets go of him', async () => {
    const { users, address } = await pair();
    const socket = await rude(address);
    socket.pause();
    const closed = end(socket);
    const junk = call({ wire: { headers: {}, body: '{}' } }).repeat(100);
    const write = (): void => {
      while (!socket.destroyed && socket.write(junk));
    };
    socket.on('drain', write);
    write();
    await until('the server reads no more', () => socket.writableNeedDrain);
    expect(await users.transport.publish(message(), 'order-service')).toEqual({ kind: 'replied' });
    socket.destroy();
    await closed;
  });

  it.each([
    ['0.0.0.0', 1],
    ['127.0.0.1', 0],
    ['localhost', 0],
  ])('listens on %s without TLS: %d warnings', async (host, warnings) => {
    const orders = await new Service('order-service', { listen: { host, port: await freePort() } }).start();
    expect(orders.events).toHaveLength(warnings);
    if (warnings) expect(orders.events[0]).toMatchObject({ problem: expect.stringContaining('without TLS') });
  });

  it('refuses a receipt that comes as a call', async () => {
    const { orders, users, address } = await pair();
    await users.transport.publish(message(), 'order-service');
    const wire = encode({ kind: 'receipt', to: 'order-service', receipt: users.receipts[0]! });
    const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
    cleanups.push(() => socket.destroy());
    socket.write(call({ wire }));
    const [reply] = (await once(socket, 'data')) as [Buffer];
    expect(reply.toString()).toContain('"kind":"refused"');
    expect(orders.malformed).toEqual(['it is a receipt, which travels as a reply']);
  });
});

describe('life and death', () => {
  it('hands the TLS options on: who does not hold the key gets no call through', async () => {
    const address = { host: 'localhost', port: await freePort() };
    const key = Buffer.alloc(32, 'a secret both sides know');
    const wrongKey = Buffer.alloc(32, 'a guess');
    // With a pre-shared key, TLS needs no certificates; they would expire or end up in this repository.
    const tls = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const;
    const server = { ...tls, pskCallback: () => key };
    const client = (psk: Buffer): ConnectionOptions => ({
      ...tls,
      pskCallback: () => ({ psk, identity: 'user-service' }),
      checkServerIdentity: () => undefined,
    });
    await new Service('order-service', { listen: address, tls: { server } }).start();
    const peers = { 'order-service': address };
    const friend = await new Service('user-service', { peers, tls: { client: client(key) } }).start();
    const guesser = await new Service('user-service', { peers, tls: { client: client(wrongKey) } }).start();
    const plain = await new Service('user-service', { peers, timeout: '1s' }).start();

    expect(await friend.transport.publish(message(), 'order-service')).toEqual({ kind: 'replied' });
    expect((await guesser.transport.publish(message(), 'order-service')).kind).not.toBe('replied');
    expect((await plain.transport.publish(message(), 'order-service')).kind).not.toBe('replied');
  });

  it('closes with calls in flight: they are unknown, those who wait were not sent, and the port is free again', async () => {
    const { orders, users, address } = await pair({ window: 1 });
    const never = gate<Reaction>();
    orders.react = () => never.opened;
    const inFlight = users.transport.publish(message(), 'order-service');
    await until('the call has begun', () => orders.received.length === 1);
    const waiting = users.transport.publish(message(), 'order-service');

    await users.transport.close();
    expect((await inFlight).kind).toBe('unknown');
    expect(await waiting).toEqual({ kind: 'unavailable' });
    expect(users.transport.ready).toBe(false);
    expect(await users.transport.publish(message(), 'order-service')).toEqual({ kind: 'unavailable' });

    await orders.transport.close();
    await new Service('order-service', { listen: address }).start();
    never.open({ kind: 'silence' });
  });

  it('closes while it is connecting', async () => {
    const { address, server } = await stranger((socket) => socket.destroy());
    server.close();
    const users = await new Service('user-service', { peers: { 'order-service': address } }).start();
    const call = users.transport.publish(message(), 'order-service');
    await users.transport.close();
    expect(await call).toEqual({ kind: 'unavailable' });
  });

  it('is not ready before it is started, and can be closed then', async () => {
    const users = new Service('user-service', { peers: { 'order-service': '127.0.0.1:1' } });
    expect(users.transport.ready).toBe(false);
    expect(await users.transport.publish(message(), 'order-service')).toEqual({ kind: 'unavailable' });
    await users.transport.close();
    expect(users.readiness).toEqual([]);
  });
});
