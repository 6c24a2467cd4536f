import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import type { ChannelModel, ConfirmChannel, Options } from 'amqplib';
import { VirtualClock } from '../../testing/memory/virtual-clock';
import { PublishingSession } from './publishing-session';
import type { Outgoing } from './wire';

const MIB = 1024 * 1024;

type Confirm = (error: Error | null) => void;

/** amqplib's confirm channel, as far as a session uses it. */
class FakeChannel extends EventEmitter {
  readonly ch = 1;
  readonly buffer = new PassThrough({ objectMode: true });
  readonly connection = { stream: new PassThrough(), channels: [null, { buffer: this.buffer }] };
  readonly published: { routingKey: string; options: Options.Publish; confirm: Confirm }[] = [];
  throws: Error | undefined;

  publish(_: string, routingKey: string, __: Buffer, options: Options.Publish, confirm: Confirm): boolean {
    if (this.throws) throw this.throws;
    this.published.push({ routingKey, options, confirm });
    return this.buffer.write(`${options.messageId};`);
  }

  /** The broker sends an unroutable message back. */
  returns({ routingKey, options }: FakeChannel['published'][number]): void {
    this.emit('return', { fields: { exchange: 'outbox.requests', routingKey }, properties: options });
  }
}

describe('PublishingSession', () => {
  let clock: VirtualClock;
  let channel: FakeChannel;
  let connection: EventEmitter & { close(): Promise<void> };
  let lose: (why?: string) => void;
  let session: PublishingSession;
  const onChange = jest.fn();

  beforeEach(() => {
    clock = new VirtualClock();
    channel = new FakeChannel();
    connection = Object.assign(new EventEmitter(), { close: async () => {} });
    session = new PublishingSession(
      connection as unknown as ChannelModel,
      channel as unknown as ConfirmChannel,
      new Promise((resolve) => (lose = resolve)),
      { clock, timeoutMs: 10_000, maxBodyBytes: 16 * MIB, onChange },
    );
  });

  const message = (id: string, attempt = 1): Outgoing => ({
    exchange: 'outbox.requests',
    routingKey: 'order-service.order.requested',
    body: Buffer.from('{}'),
    properties: { messageId: id, headers: { cloudEvents_attempt: attempt } },
  });

  it('takes no more while 32 MiB are in flight, whatever the client library says, and says when there is room', async () => {
    const large = (id: string): Outgoing => ({ ...message(id), body: Buffer.alloc(16 * MIB) });
    const outcomes = ['a', 'b'].map((id) => session.publish(large(id)));
    expect(session.ready).toBe(false);
    expect(await session.publish(message('c'))).toEqual({ kind: 'unavailable' });
    expect(channel.published).toHaveLength(2);
    onChange.mockClear();

    channel.published[0]!.confirm(null);
    expect(await outcomes[0]).toEqual({ kind: 'confirmed' });
    expect(session.ready).toBe(true);
    expect(onChange).toHaveBeenCalledTimes(1);
  });

  it('refuses a body that the broker would close the channel for', async () => {
    const outcome = await session.publish({ ...message('a'), body: Buffer.alloc(16 * MIB + 1) });
    expect(outcome).toEqual({ kind: 'refused', error: expect.stringContaining('16777217 bytes') });
    expect(channel.published).toEqual([]);
    expect(session.ready).toBe(true);
  });

  it('always asks for an unroutable message to be returned', () => {
    void session.publish(message('a'));
    expect(channel.published[0]!.options).toMatchObject({ mandatory: true });
  });

  it('sends what is alone at once; what comes while something is under way is left to go together', async () => {
    const sent = (): string => String(channel.connection.stream.read() ?? '');
    const first = session.publish(message('first'));
    expect(sent()).toBe('first;');
    for (const id of ['second', 'third']) void session.publish(message(id));
    expect(sent()).toBe('');

    for (const { confirm } of channel.published) confirm(null);
    await first;
    void session.publish(message('fourth'));
    expect(sent()).toBe('second;third;fourth;');
  });

  it('gives each publish its own outcome, in whatever order the confirms come', async () => {
    const [a, b, c] = [session.publish(message('a')), session.publish(message('b')), session.publish(message('c'))];
    const [first, second, third] = channel.published;

    channel.returns(second!);
    third!.confirm(new Error('message nacked'));
    second!.confirm(null);
    first!.confirm(null);

    expect(await a).toEqual({ kind: 'confirmed' });
    expect(await b).toEqual({ kind: 'returned' });
    expect(await c).toMatchObject({ kind: 'refused' });
    expect(session.inFlight).toBe(0);
  });

  it('does not take the return of an earlier attempt for one of this', async () => {
    const late = session.publish(message('a', 1));
    await clock.advance(10_000);
    expect(await late).toMatchObject({ kind: 'unknown' });

    const again = session.publish(message('a', 2));
    channel.returns(channel.published[0]!);
    channel.published[1]!.confirm(null);

    expect(await again).toEqual({ kind: 'confirmed' });
  });

  it('calls neither of two equal copies confirmed when one comes back', async () => {
    const both = [session.publish(message('a')), session.publish(message('a'))];
    channel.returns(channel.published[1]!);
    for (const { confirm } of channel.published) confirm(null);

    expect(await Promise.all(both)).toEqual([{ kind: 'returned' }, { kind: 'returned' }]);
  });

  it('ends, with everything in flight unknown, when it is lost', async () => {
    const publishing = session.publish(message('a'));

    lose('heartbeat timeout');

    expect(await session.over).toBe('heartbeat timeout');
    expect(await publishing).toEqual({ kind: 'unknown', error: 'heartbeat timeout' });
    expect(await session.publish(message('b'))).toEqual({ kind: 'unavailable' });
  });

  it('ends when amqplib throws: its confirms would no longer match its publishes', async () => {
    const before = session.publish(message('a'));
    channel.throws = new TypeError('cannot encode');

    const thrown = session.publish(message('b'));

    expect(await thrown).toMatchObject({ kind: 'unknown', error: expect.stringContaining('cannot encode') });
    expect(await before).toMatchObject({ kind: 'unknown' });
    expect(await session.over).toContain('cannot encode');
    expect(session.ready).toBe(false);
  });

  describe('that is refused', () => {
    const refuse = async (id: string): Promise<void> => {
      const outcome = session.publish(message(id));
      channel.published.at(-1)!.confirm(new Error('message nacked'));
      expect(await outcome).toMatchObject({ kind: 'refused' });
    };

    it('everything for one queue for half a minute, is replaced when what is in flight has ended', async () => {
      await refuse('a');
      await clock.advance(29_999);
      await refuse('b');
      expect(session.ready).toBe(true);
      const inFlight = session.publish({ ...message('c'), routingKey: 'elsewhere' });
      await clock.advance(2);
      const elsewhere = channel.published.at(-1)!;

      await refuse('d');

      expect(session.ready).toBe(false);
      elsewhere.confirm(null);
      expect(await inFlight).toEqual({ kind: 'confirmed' });
      expect(await session.over).toBe(
        'everything for outbox.requests/order-service.order.requested was refused for 30000 ms',
      );
    });

    it('now and then, stays', async () => {
      for (let second = 0; second < 60; second++) {
        await refuse('a');
        const taken = session.publish(message('b'));
        channel.published.at(-1)!.confirm(null);
        await taken;
        await clock.advance(1_000);
      }
      expect(session.ready).toBe(true);
    });
  });

  it('sends nothing while the broker is blocked', async () => {
    connection.emit('blocked', 'low on memory');
    expect(await session.publish(message('a'))).toEqual({ kind: 'unavailable' });
    expect(channel.published).toEqual([]);

    connection.emit('unblocked');
    expect(session.ready).toBe(true);
  });

  it('gives confirms a moment when it is closed, then calls the rest unknown', async () => {
    const [a, b] = [session.publish(message('a')), session.publish(message('b'))];

    const closing = session.close();
    expect(session.ready).toBe(false);
    channel.published[0]!.confirm(null);
    await clock.advance(2_000);
    await closing;

    expect(await a).toEqual({ kind: 'confirmed' });
    expect(await b).toMatchObject({ kind: 'unknown' });
  });

  it('closes at once when nothing is in flight', async () => {
    await session.close();
    expect(clock.monotonic()).toBe(0);
    expect(await session.over).toBeUndefined();
  });
});
