import type { ChannelModel, ConfirmChannel, Message } from 'amqplib';
import type { PublishOutcome } from '../../message/delivery';
import { errorText } from '../../message/receipt';
import type { Clock } from '../../ports/clock';
import { closeConnection, gone } from './connection';
import type { Session } from './keep-open';
import { sendNow } from './send-now';
import { declare, type Queue } from './topology';
import { quietly, wait } from '../../concurrency/waiting';
import { ATTEMPT_HEADER, type Outgoing, publishProblem } from './wire';

/**
 * Bodies in flight. While the broker does not read, because of a memory alarm it has yet to tell, amqplib takes everything
 * and keeps it: 200 MB of messages of 1 MiB were seen. One message is always let through.
 */
const MAX_BYTES_IN_FLIGHT = 32 * 1024 * 1024;

/** A publish whose confirm is still to come. */
interface InFlight {
  readonly outgoing: Outgoing;
  /** Nobody waits longer than until then, by the monotonic clock. */
  readonly expires: number;
  readonly resolve: (outcome: PublishOutcome) => void;
  returned: boolean;
}

/**
 * After so long in which the broker refused everything for one queue, the session is replaced. A queue may be full for longer,
 * and then this changes nothing. But a channel that was opened while a quorum queue had no leader may be refused for as long
 * as that leader is away, although another one takes the same message from every new channel (seen with RabbitMQ 3.10.8).
 */
const REFUSED_MS = 30_000;

/** How long a planned end waits for confirms that are on their way. */
const DRAIN_MS = 2_000;
/** How long somebody who looks into a queue waits: a broker that has an alarm may answer nothing. */
const LOOKING_MS = 2_000;

/**
 * One connection and one channel in confirm mode, for as long as both live. Whatever happens to either ends the session,
 * and everything in flight with it as *unknown*.
 */
export class PublishingSession implements Session {
  readonly over: Promise<string | undefined>;
  private end!: (why: string | undefined) => void;
  private open = true;
  private blocked = false;
  /** Kept by us: when a channel closes, amqplib forgets callbacks that stand behind a confirm out of order. */
  private readonly unconfirmed = new Set<InFlight>();
  private unconfirmedBytes = 0;
  /** Since when nothing but refusals came from a queue, by exchange and key. */
  private readonly refusedSince = new Map<string, number>();
  private watching = false;
  private onAllFinished: () => void = () => {};

  constructor(
    private readonly connection: ChannelModel,
    private readonly channel: ConfirmChannel,
    gone: Promise<string | undefined>,
    private readonly options: {
      readonly clock: Clock;
      readonly timeoutMs: number;
      readonly maxBodyBytes: number;
      onChange(): void;
    },
  ) {
    this.over = new Promise((resolve) => {
      this.end = (why) => {
        this.open = false;
        for (const inFlight of this.unconfirmed) this.finish(inFlight, { kind: 'unknown', error: why ?? 'closed' });
        resolve(why);
        options.onChange();
      };
    });
    connection.on('blocked', () => this.setBlocked(true));
    connection.on('unblocked', () => this.setBlocked(false));
    channel.on('return', (message: Message) => this.markReturned(message));
    void gone.then((why) => this.end(why));
  }

  /** Would a publish be sent at once? Not while the broker refuses to read (memory or disk alarm), or too much is in flight. */
  get ready(): boolean {
    return this.open && !this.blocked && this.unconfirmedBytes < MAX_BYTES_IN_FLIGHT;
  }

  get maxBodyBytes(): number {
    return this.options.maxBodyBytes;
  }

  get isOpen(): boolean {
    return this.open;
  }

  get isBlocked(): boolean {
    return this.blocked;
  }

  get inFlight(): number {
    return this.unconfirmed.size;
  }

  /** Never rejects. *Confirmed* means: safe at the broker, and in at least one queue. */
  publish(outgoing: Outgoing): Promise<PublishOutcome> {
    if (!this.ready) return Promise.resolve({ kind: 'unavailable' });
    const problem = publishProblem(outgoing, this.options.maxBodyBytes);
    if (problem !== undefined) return Promise.resolve({ kind: 'refused', error: problem });

    const { exchange, routingKey, body, properties } = outgoing;
    return new Promise((resolve) => {
      const inFlight = this.begin(outgoing, resolve);
      try {
        this.channel.publish(exchange, routingKey, body, { ...properties, mandatory: true }, (error: unknown) => {
          if (error == null) {
            this.refusedSince.delete(addressOf(outgoing));
            this.finish(inFlight, { kind: inFlight.returned ? 'returned' : 'confirmed' });
          } else if (isNack(error)) {
            this.finish(inFlight, {
              kind: 'refused',
              error: 'the broker said no (nack): a queue is full, or has no leader',
            });
            this.noteRefusal(outgoing);
          }
          // else the channel closed, and the end of the session will say why
        });
        // As Nagle's algorithm (RFC 896): what is alone does not wait for company, and while something is under way more may gather.
        if (this.unconfirmed.size === 1) sendNow(this.channel);
      } catch (error) {
        // amqplib counts a publish before it writes it. After a throw, every later confirm on this channel would be
        // taken for the one before it: a message could be *confirmed* that is not. So the session ends.
        this.end(errorText(error));
      }
    });
  }

  /** Creates what is missing. */
  async declare(queue: Queue): Promise<void> {
    await quietly(() => declare(this.connection, [], [queue], this.options.clock));
  }

  /** How many are ready in a queue; undefined if it is not there, or nobody answers. A channel of its own: it may end with it. */
  async waitingIn(queue: string): Promise<number | undefined> {
    if (!this.ready) return undefined;
    let count: number | undefined;
    const looking = quietly(async () => {
      const channel = await this.connection.createChannel();
      void gone(channel);
      count = (await channel.checkQueue(queue)).messageCount;
      await channel.close();
    });
    await wait(this.options.clock, LOOKING_MS, looking);
    return count;
  }

  async close(): Promise<void> {
    this.open = false;
    await this.drain();
    this.end(undefined);
    await closeConnection(this.connection, this.options.clock);
  }

  private noteRefusal(outgoing: Outgoing): void {
    const now = this.options.clock.monotonic();
    const address = addressOf(outgoing);
    const since = this.refusedSince.get(address);
    if (since === undefined) this.refusedSince.set(address, now);
    else if (now - since > REFUSED_MS) void this.retire(`everything for ${address} was refused for ${REFUSED_MS} ms`);
  }

  /** Takes no more, lets what is in flight end, and makes room for another session. */
  private async retire(why: string): Promise<void> {
    if (!this.open) return;
    this.open = false;
    this.options.onChange();
    await this.drain();
    this.end(why);
  }

  private async drain(): Promise<void> {
    const finished = new Promise<void>((resolve) => (this.onAllFinished = resolve));
    if (this.unconfirmed.size > 0) await wait(this.options.clock, DRAIN_MS, finished);
  }

  private begin(outgoing: Outgoing, resolve: InFlight['resolve']): InFlight {
    const expires = this.options.clock.monotonic() + this.options.timeoutMs;
    const inFlight = { outgoing, expires, resolve, returned: false };
    this.unconfirmed.add(inFlight);
    this.weigh(outgoing.body.length);
    this.watch();
    return inFlight;
  }

  private finish(inFlight: InFlight, outcome: PublishOutcome): void {
    if (!this.unconfirmed.delete(inFlight)) return;
    this.weigh(-inFlight.outgoing.body.length);
    if (this.unconfirmed.size === 0) this.onAllFinished();
    inFlight.resolve(outcome);
  }

  private weigh(bytes: number): void {
    const wasReady = this.ready;
    this.unconfirmedBytes += bytes;
    if (this.ready !== wasReady) this.options.onChange();
  }

  /** All have the same time, so the one that began first is the next to expire: one timer is enough. */
  private watch(): void {
    const [first] = this.unconfirmed;
    if (this.watching || !first) return;
    this.watching = true;
    const { clock, timeoutMs } = this.options;
    clock.schedule(Math.max(0, first.expires - clock.monotonic()), () => {
      this.watching = false;
      for (const inFlight of this.unconfirmed) {
        if (inFlight.expires > clock.monotonic()) break;
        this.finish(inFlight, {
          kind: 'unknown',
          error: `no confirm within ${timeoutMs} ms (\`publishTimeout\` of rabbitMq())`,
        });
      }
      this.watch();
    });
  }

  /**
   * An unroutable message comes back *before* its confirm. Two copies in flight under one key cannot be told apart: both
   * count as returned, which costs a repetition and loses nothing.
   */
  private markReturned({ fields, properties }: Message): void {
    const key = keyOf({ ...fields, properties });
    for (const inFlight of this.unconfirmed) if (keyOf(inFlight.outgoing) === key) inFlight.returned = true;
  }

  private setBlocked(blocked: boolean): void {
    this.blocked = blocked;
    this.options.onChange();
  }
}

function addressOf({ exchange, routingKey }: Outgoing): string {
  return `${exchange}/${routingKey}`;
}

function keyOf({ exchange, routingKey, properties }: Pick<Outgoing, 'exchange' | 'routingKey' | 'properties'>): string {
  const attempt = (properties.headers as Record<string, unknown> | undefined)?.[ATTEMPT_HEADER];
  return `${exchange}|${routingKey}|${properties.messageId}|${String(attempt)}`;
}

/** amqplib calls back for a nack and for a closed channel, and tells them apart only by the text. */
function isNack(error: unknown): boolean {
  return error instanceof Error && error.message === 'message nacked';
}
