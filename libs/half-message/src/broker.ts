import { setTimeout as sleep } from 'node:timers/promises';
import { type AmqpConnectionManager, type ChannelWrapper, connect } from 'amqp-connection-manager';
import type { ConfirmChannel, ConsumeMessage, GetMessage, Message } from 'amqplib';
import type { ParkCode } from './decision';
import { declare } from './declare';
import { propertiesOf, readHalf, type StoredHalf } from './envelope';
import type { Topology } from './topology';

export interface BrokerOptions {
  readonly urls: readonly string[];
  readonly publishTimeoutMs: number;
  /** How many checks are in hand at once. */
  readonly concurrency: number;
  /** Trouble, a line each. Most of it mends itself. */
  onTrouble(problem: string): void;
}

/** Checks a half message to its end. If it throws, the message comes again. */
type OnCheck = (half: StoredHalf) => Promise<void>;

/** Whatever failed needs a moment, and the message nobody else. */
const PUT_BACK_PAUSE_MS = 1_000;

/** Keeps half messages, and brings them back to be asked about. Connects again by itself. */
export class Broker {
  private manager: AmqpConnectionManager | undefined;
  private publishing: ChannelWrapper | undefined;
  /** The one that `publishing` stands for now. */
  private channel: ConfirmChannel | undefined;
  private readonly returned = new Map<string, () => void>();
  private readonly inHand = new Set<Promise<void>>();
  private readonly limitsSaid = new Set<string>();
  private readonly stopping = new AbortController();
  /** Ends the consumer of the channel of now. */
  private leave: () => Promise<unknown> = () => Promise.resolve();

  constructor(
    private readonly topology: Topology,
    private readonly options: BrokerOptions,
  ) {}

  /** Resolves at once; with no broker there it keeps trying. */
  start(onCheck: OnCheck): void {
    const manager = connect([...this.options.urls], {
      reconnectTimeInSeconds: 1,
      connectionOptions: {
        noDelay: true,
        clientProperties: { connection_name: `${this.topology.service} half messages` },
      },
    });
    manager.on('connectFailed', ({ err }) => this.options.onTrouble(`no connection: ${err.message}`));
    this.manager = manager;
    this.publishing = this.openOn(manager, (channel) => {
      this.channel = channel;
      channel.on('return', ({ properties }: Message) => this.returned.get(String(properties.messageId))?.());
      return Promise.resolve();
    });
    this.openOn(manager, (channel) => this.consume(channel, onCheck));
  }

  /** Resolves when there is a connection and everything is declared. */
  async ready(): Promise<void> {
    await this.publishing?.waitForConnect();
  }

  /** @returns when the broker keeps it for this pause. @throws Error if it does not, or if nobody knows */
  rest(half: StoredHalf, pause: number): Promise<void> {
    return this.publish(this.topology.half, this.topology.restingKey(pause), half);
  }

  /** Keeps it for a person. Resolves and throws as `rest`. */
  park(half: StoredHalf, code: ParkCode): Promise<void> {
    return this.publish(this.topology.parked, this.topology.service, half, code);
  }

  /**
   * Takes what is parked, one by one, until there is no more, or one of them fails. What is no half message stays.
   * @returns how many were handled
   */
  async unpark(handle: (half: StoredHalf) => Promise<void>): Promise<number> {
    // All over one channel: on a later one the numbers of these deliveries stand for others.
    const { channel } = this;
    if (!channel) throw new Error('there is no connection to the broker');
    const stay: GetMessage[] = [];
    try {
      for (let handled = 0; ;) {
        const message = await channel.get(this.topology.parkedQueue);
        if (!message) return handled;
        stay.push(message);
        const half = readHalf(message.properties, message.content);
        if (!half) continue;
        await handle(half);
        stay.pop();
        channel.ack(message);
        handled += 1;
      }
    } finally {
      quietly(() => stay.forEach((message) => channel.nack(message)));
    }
  }

  /** What is in hand is finished first. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.leave().catch(() => {});
    await Promise.all(this.inHand);
    await this.manager?.close();
  }

  private openOn(manager: AmqpConnectionManager, use: (channel: ConfirmChannel) => Promise<void>): ChannelWrapper {
    const wrapper = manager.createChannel({
      confirm: true,
      setup: async (channel: ConfirmChannel) => {
        await declare(manager.connection!, this.topology, (queue) => this.limited(queue));
        await use(channel);
      },
    });
    return wrapper.on('error', (error: Error) => this.options.onTrouble(error.message));
  }

  private async publish(exchange: string, key: string, half: StoredHalf, parked?: ParkCode): Promise<void> {
    const { publishing, manager } = this;
    if (!publishing || !manager?.isConnected()) throw new Error('there is no connection to the broker');
    let routed = true;
    this.returned.set(half.id, () => (routed = false));
    try {
      const timeout = this.options.publishTimeoutMs;
      await publishing.publish(exchange, key, Buffer.from(half.payload), { ...propertiesOf(half, parked), timeout });
    } finally {
      this.returned.delete(half.id);
    }
    // What is routed nowhere is confirmed as well, after it has come back.
    if (!routed) throw new Error(`no queue is bound to exchange '${exchange}' for '${key}'`);
  }

  /** Said once. */
  private limited(queue: string): void {
    if (this.limitsSaid.has(queue)) return;
    this.limitsSaid.add(queue);
    this.options.onTrouble(
      `the queue '${queue}' was declared with another delivery limit, or before the broker was 4.0: what comes back too often ` +
        `(20 times by default) leaves it. Set a policy, unless you have: rabbitmqctl set_policy --apply-to quorum_queues keep ` +
        `'^${queue.replaceAll('.', '\\.')}$' '{"delivery-limit": -1}'`,
    );
  }

  private async consume(channel: ConfirmChannel, onCheck: OnCheck): Promise<void> {
    await channel.prefetch(this.options.concurrency);
    const { consumerTag } = await channel.consume(this.topology.checkQueue, (message) => {
      if (!message || this.stopping.signal.aborted) return;
      const work = this.take(channel, message, onCheck).finally(() => this.inHand.delete(work));
      this.inHand.add(work);
    });
    this.leave = () => channel.cancel(consumerTag);
  }

  /** Acknowledged on the channel it came over: on a later one its number stands for another message. */
  private async take(channel: ConfirmChannel, message: ConsumeMessage, onCheck: OnCheck): Promise<void> {
    const half = readHalf(message.properties, message.content);
    if (!half) {
      this.options.onTrouble(`something that is no half message was parked in '${this.topology.parkedQueue}'`);
      return quietly(() => channel.nack(message, false, false));
    }
    try {
      await onCheck(half);
      quietly(() => channel.ack(message));
    } catch (error) {
      this.options.onTrouble(`half message ${half.id} is asked about again: ${String(error)}`);
      await sleep(PUT_BACK_PAUSE_MS, undefined, { signal: this.stopping.signal }).catch(() => {});
      quietly(() => channel.nack(message));
    }
  }
}

/** The channel may be gone: then the broker has taken back what was not acknowledged. */
function quietly(act: () => void): void {
  try {
    act();
  } catch {
    // as above
  }
}
