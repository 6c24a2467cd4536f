import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { Lane, NotBegunError } from '../../concurrency/lane';
import type { Clock, Random } from '../../ports/clock';
import { Acknowledgements } from './acknowledgements';
import { closeChannel, gone } from './connection';
import { KeepOpen, type Session } from './keep-open';
import { ComesAgainError } from './returns';
import { declare, type Exchange, type Queue } from './topology';
import { quietly, unlessAborted, wait } from '../../concurrency/waiting';

export interface ConsumerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly queue: Queue;
  /** What the broker shows of this consumer, to people. */
  readonly tag: string;
  /** What must exist beside the queue. */
  readonly exchanges: readonly Exchange[];
  readonly quarantine: Queue;
  /** How many messages are in hand at once, and how many are handled at once: a bundle is one of the first, and many of the second. */
  readonly prefetch: number;
  /** Subscribe anew when nothing came for so long. */
  readonly idleMs: number;
  /** Longest time a new session waits for the handlers of the one before it. */
  readonly patienceMs: number;
  /**
   * Handles one message to its end; it is then acknowledged. A rejection puts it back, after a pause.
   * @param lane everything that is handled needs a place in it
   */
  onMessage(message: ConsumeMessage, lane: Lane): Promise<void>;
  onTrouble(problem: unknown): void;
  /** Told of a queue whose delivery limit can lose a message. */
  onLimited(queue: string): void;
}

/** After a cancel or a channel error; a queue deleted and declared again within less never tells its consumer. */
const RESUBSCRIBE_PAUSE_MS = 250;
/** Before a message goes back: what failed needs a moment, and the broker redelivers at once. */
const REQUEUE_PAUSE_MS = 1_000;

/**
 * Consumes one queue over a channel of its own: declare → subscribe → handle, acknowledging each message on the channel
 * that brought it, and on no other: delivery tags count per channel, so a late acknowledgement elsewhere would remove
 * *another* message.
 *
 * A session ends when the channel or connection is gone, the broker cancels the subscription (queue deleted), or nothing
 * came for a while: a subscription can die without a word. The next one waits until the handlers of this one are done,
 * or messages that come again would run beside their own first copy.
 */
export class Consumer {
  /** Handlers at work, of this session and of earlier ones. Never rejected. */
  private readonly running = new Set<Promise<void>>();
  /** Ends of the pauses before messages go back. */
  private readonly pauses = new Set<() => void>();
  private loop: KeepOpen | undefined;
  private subscription: { readonly channel: Channel; readonly consumerTag: string } | undefined;
  /** Of the present session. When it ends, what has no place yet is not begun: it comes again. */
  private lane: Lane | undefined;
  private draining = false;
  private lastDelivery = 0;
  private reported: string | undefined;

  constructor(private readonly options: ConsumerOptions) {}

  /** Is there a subscription right now? */
  get consuming(): boolean {
    return this.subscription !== undefined;
  }

  /** Consumes over this connection until `leave` or `drain`. Resolves after the first attempt, with what it failed with. */
  serve(connection: ChannelModel): Promise<unknown> {
    if (this.draining) return Promise.resolve();
    const { clock, random, onTrouble } = this.options;
    this.loop = new KeepOpen((signal) => this.open(connection, signal), {
      clock,
      random,
      pauseMs: RESUBSCRIBE_PAUSE_MS,
      onTrouble,
    });
    return this.loop.start();
  }

  /** The connection is gone. Handlers go on; what they work on will come again. */
  async leave(): Promise<void> {
    await this.loop?.stop();
  }

  /** Takes no more; lets what is in hand come to its end, if that is in time; puts the rest back. */
  async drain(timeoutMs: number): Promise<void> {
    this.draining = true;
    this.lane?.close();
    this.endPauses();
    await wait(
      this.options.clock,
      timeoutMs,
      this.unsubscribe().then(() => this.finished()),
    );
    await this.leave();
  }

  private async open(connection: ChannelModel, signal: AbortSignal): Promise<Session> {
    const { clock, patienceMs, queue, exchanges, quarantine, onLimited } = this.options;
    await unlessAborted(wait(clock, patienceMs, this.finished()), signal);
    signal.throwIfAborted();
    await declare(connection, exchanges, [queue, quarantine], clock, onLimited);
    const channel = await connection.createChannel();
    const channelGone = gone(channel);
    const lane = (this.lane = new Lane(this.options.prefetch));
    void channelGone.then(() => {
      lane.close();
      this.endPauses();
    });
    try {
      const { over, stopWatching } = await this.subscribe(channel, lane);
      return {
        over: Promise.race([channelGone, over]),
        close: async () => {
          this.subscription = undefined;
          stopWatching();
          await closeChannel(channel, clock);
        },
      };
    } catch (error) {
      await closeChannel(channel, clock);
      throw error;
    }
  }

  private async subscribe(
    channel: Channel,
    lane: Lane,
  ): Promise<{ over: Promise<string | undefined>; stopWatching(): void }> {
    const { clock, queue, prefetch, tag } = this.options;
    await channel.prefetch(prefetch);
    const acknowledgements = new Acknowledgements(channel);
    let end: (why: string | undefined) => void = () => {};
    const over = new Promise<string | undefined>((resolve) => (end = resolve));
    const onMessage = (message: ConsumeMessage | null): void => {
      if (message) this.take({ channel, acknowledgements, lane }, message);
      else
        end(
          'the broker cancelled the subscription: was the queue deleted? RabbitMQ 4.3 does it too when a handler outlasts its consumer_timeout',
        );
    };
    // The only consumer of its channel, and tags count per channel.
    const { consumerTag } = await channel.consume(queue.name, onMessage, { consumerTag: tag });
    this.subscription = { channel, consumerTag };
    this.lastDelivery = clock.monotonic();
    return { over, stopWatching: this.watchIdle(() => end(undefined)) };
  }

  private take(from: Source, message: ConsumeMessage): void {
    this.lastDelivery = this.options.clock.monotonic();
    from.acknowledgements.take(message);
    if (this.draining) {
      void from.acknowledgements.nack(message);
      return;
    }
    const work = this.handle(from, message).finally(() => this.running.delete(work));
    this.running.add(work);
  }

  private async handle({ channel, acknowledgements, lane }: Source, message: ConsumeMessage): Promise<void> {
    try {
      await this.options.onMessage(message, lane);
    } catch (error) {
      if (!(error instanceof NotBegunError)) {
        this.report(error);
        await this.pause(channel, error instanceof ComesAgainError ? error.pauseMs : REQUEUE_PAUSE_MS);
      }
      await acknowledgements.nack(message);
      return;
    }
    this.reported = undefined;
    await acknowledgements.ack(message);
  }

  /** Ends early when this process or the broker lets go of the message: then nobody waits for anything. */
  private pause(channel: Channel, ms: number): Promise<void> {
    if (this.draining || this.subscription?.channel !== channel) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.pauses.delete(end);
        resolve();
      };
      const cancel = this.options.clock.schedule(ms, end);
      this.pauses.add(end);
    });
  }

  private endPauses(): void {
    for (const end of this.pauses) end();
  }

  /** Hundreds may fail at once for one reason, and again every second: said once, until something succeeds. */
  private report(error: unknown): void {
    if (String(error) === this.reported) return;
    this.reported = String(error);
    this.options.onTrouble(error);
  }

  /** Calls back once when nothing came for a while and nothing is in hand. @returns a function that ends the watch */
  private watchIdle(onIdle: () => void): () => void {
    const { clock, idleMs } = this.options;
    let cancel: () => void;
    const check = (): void => {
      const quietMs = clock.monotonic() - this.lastDelivery;
      if (quietMs < idleMs || this.running.size > 0) {
        cancel = clock.schedule(quietMs < idleMs ? idleMs - quietMs : idleMs, check);
      } else {
        // what is delivered until the broker has stopped is still handled
        void this.unsubscribe()
          .then(() => this.finished())
          .then(onIdle);
      }
    };
    cancel = clock.schedule(idleMs, check);
    return () => cancel();
  }

  private async unsubscribe(): Promise<void> {
    const { channel, consumerTag } = this.subscription ?? {};
    await quietly(() => channel?.cancel(consumerTag!));
  }

  private async finished(): Promise<void> {
    await Promise.all(this.running);
  }
}

/** What one session brings, and what is done with it there. */
interface Source {
  readonly channel: Channel;
  readonly acknowledgements: Acknowledgements;
  readonly lane: Lane;
}
