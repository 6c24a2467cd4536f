import type { UntrustedWireEnvelope } from '../../message/envelope';

/** One envelope in one queue. */
export interface Copy {
  readonly wire: UntrustedWireEnvelope;
  /** How often it was given back because it could not be handled. */
  returns?: number;
}

/** A queue with competing consumers: each copy is in the hands of at most one, until it is acknowledged or given back. */
export class MemoryQueue {
  private readonly ready: Copy[] = [];
  /** Whose turn it is comes first. */
  private readonly consumers: MemoryConsumer[] = [];

  constructor(readonly name: string) {}

  get depth(): number {
    return this.ready.length;
  }

  put(copy: Copy): void {
    this.ready.push(copy);
    this.dispatch();
  }

  /** @param limit how many copies it has in hand at once */
  subscribe(limit: number, take: (copy: Copy, consumer: MemoryConsumer) => void): MemoryConsumer {
    const consumer = new MemoryConsumer(this, limit, take);
    this.consumers.push(consumer);
    this.dispatch();
    return consumer;
  }

  unsubscribe(consumer: MemoryConsumer): void {
    const position = this.consumers.indexOf(consumer);
    if (position >= 0) this.consumers.splice(position, 1);
  }

  giveBack(copies: Iterable<Copy>): void {
    this.ready.unshift(...copies);
    this.dispatch();
  }

  dispatch(): void {
    while (this.ready.length > 0) {
      const turn = this.consumers.findIndex((consumer) => consumer.hasRoom);
      if (turn < 0) return;
      const [consumer] = this.consumers.splice(turn, 1);
      this.consumers.push(consumer!);
      consumer!.receive(this.ready.shift()!);
    }
  }
}

/** One consumer at a queue, for as long as its connection lasts. */
export class MemoryConsumer {
  private readonly inHand = new Set<Copy>();

  constructor(
    private readonly queue: MemoryQueue,
    private readonly limit: number,
    private readonly take: (copy: Copy, consumer: MemoryConsumer) => void,
  ) {}

  get hasRoom(): boolean {
    return this.inHand.size < this.limit;
  }

  receive(copy: Copy): void {
    this.inHand.add(copy);
    this.take(copy, this);
  }

  /** Without effect once the connection is over: the copy is somebody else's. */
  acknowledge(copy: Copy): void {
    if (this.inHand.delete(copy)) this.queue.dispatch();
  }

  giveBack(copy: Copy): void {
    if (this.inHand.delete(copy)) this.queue.giveBack([copy]);
  }

  /** Takes no more. What is in hand may still be acknowledged. */
  stop(): void {
    this.queue.unsubscribe(this);
  }

  /** The connection is over: what was in hand comes again, to whoever consumes then. */
  end(): void {
    this.stop();
    const copies = [...this.inHand];
    this.inHand.clear();
    this.queue.giveBack(copies);
  }
}
