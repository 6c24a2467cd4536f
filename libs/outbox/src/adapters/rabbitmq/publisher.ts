import type { ChannelModel } from 'amqplib';
import type { PublishOutcome } from '../../message/delivery';
import type { Clock } from '../../ports/clock';
import { type BrokerAccess, closeConnection, connect, gone, rabbitMajor } from './connection';
import type { Session } from './keep-open';
import { PublishingSession } from './publishing-session';
import { declare, type Exchange, type Queue } from './topology';
import { wait } from '../../concurrency/waiting';
import type { Outgoing } from './wire';

export interface PublisherOptions {
  readonly clock: Clock;
  /** Shown in the broker's list of connections. */
  readonly name: string;
  readonly timeoutMs: number;
  /** What must exist before the first publish: our exchanges, and the queue the receipts will come to. */
  readonly exchanges: readonly Exchange[];
  readonly queues: readonly Queue[];
  onReady(ready: boolean): void;
}

/** `PRECONDITION_FAILED - message size 2000000 is larger than configured max size 1000000`, or `… than max size …` */
const TOO_LARGE = /message size \d+ is larger than (?:configured )?max size (\d+)/;

/** RabbitMQ's default, which it does not tell: less since 4.0. */
function maxBodyBytesOf(connection: ChannelModel): number {
  return ((rabbitMajor(connection) ?? 4) >= 4 ? 16 : 128) * 1024 * 1024;
}

/**
 * The publishing half. Its connection is its own: acknowledgements must not wait behind publishes that the broker does
 * not read. While there is no session, or the broker refuses to read, a publish is *unavailable* at once: nothing is
 * ever kept for later.
 */
export class Publisher {
  private session: PublishingSession | undefined;
  private wasReady = false;
  /** The limit of a broker whose operator changed it, known since one message was too large. */
  private learned = Infinity;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly options: PublisherOptions) {}

  get ready(): boolean {
    return this.session?.ready ?? false;
  }

  get connected(): boolean {
    return this.session?.isOpen ?? false;
  }

  get blocked(): boolean {
    return this.session?.isBlocked ?? false;
  }

  get inFlight(): number {
    return this.session?.inFlight ?? 0;
  }

  /** Largest body the broker takes; undefined before the first connection. */
  get maxBodyBytes(): number | undefined {
    return this.session && Math.min(this.session.maxBodyBytes, this.learned);
  }

  async open(access: BrokerAccess): Promise<Session> {
    const { clock, name, timeoutMs, exchanges, queues } = this.options;
    const connection = await connect(access, name);
    const connectionGone = gone(connection);
    try {
      const channel = await connection.createConfirmChannel();
      const over = gone(channel).then((why) => why ?? connectionGone);
      await declare(connection, exchanges, queues, clock);
      this.session = new PublishingSession(connection, channel, over, {
        clock,
        timeoutMs,
        maxBodyBytes: Math.min(maxBodyBytesOf(connection), this.learned),
        onChange: () => this.notify(),
      });
      void over.then((why) => this.learn(why));
      this.notify();
      return this.session;
    } catch (error) {
      await closeConnection(connection, clock);
      throw error;
    }
  }

  /** Never rejects. */
  publish(outgoing: Outgoing): Promise<PublishOutcome> {
    return this.session?.publish(outgoing) ?? Promise.resolve({ kind: 'unavailable' });
  }

  /** Creates a queue that should exist and does not. Only for a queue that is known to be missing. */
  async declare(queue: Queue): Promise<void> {
    await this.session?.declare(queue);
  }

  /** How many messages are ready in a queue; undefined if it is not there, or nobody can tell now. Never rejects. */
  async waitingIn(queue: string): Promise<number | undefined> {
    return this.session?.waitingIn(queue);
  }

  /** Resolves when a publish has a chance again, or when the time is over. */
  async untilReady(timeoutMs: number): Promise<void> {
    if (this.ready) return;
    let resume: () => void = () => {};
    const ready = new Promise<void>((resolve) => (resume = resolve));
    this.waiting.add(resume);
    await wait(this.options.clock, timeoutMs, ready);
    this.waiting.delete(resume);
  }

  private learn(why: string | undefined): void {
    const limit = TOO_LARGE.exec(why ?? '')?.[1];
    if (limit !== undefined) this.learned = Number(limit);
  }

  private notify(): void {
    const ready = this.ready;
    if (ready === this.wasReady) return;
    this.wasReady = ready;
    if (ready) this.waiting.forEach((resume) => resume());
    this.options.onReady(ready);
  }
}
