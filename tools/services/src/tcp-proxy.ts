import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** `up` is from client to server. */
export type Direction = 'up' | 'down' | 'both';

/**
 * What to do to the connection on which the bytes were seen:
 * - `cutBefore`  the server never gets them: the piece of the stream they end in is dropped
 * - `cutAfter`   the server gets them and acts on them, the client never hears of it
 * - a function   runs after they were passed on
 */
export type TripwireAction = 'cutBefore' | 'cutAfter' | (() => void);

/**
 * A bad network between a client and a server of a test, in this process. It passes every TCP connection to
 * `listen()`'s port on to the target, until told to misbehave. Everything a connection does in one direction (bytes,
 * its end, its breaking) goes through one queue, so it is delayed and held back in order.
 */
export class TcpProxy {
  private readonly links = new Set<Link>();
  private readonly tripwires: Tripwire[] = [];
  private readonly frozen = { up: false, down: false };
  private delayMs = 0;
  private listener?: Server;
  private ownPort = 0;

  constructor(private readonly target: { targetHost?: string; targetPort: number }) {}

  /** The port clients connect to (on 127.0.0.1), once `listen()` was called. */
  get port(): number {
    return this.ownPort;
  }

  /** How many connections pass through now. */
  get connections(): number {
    return this.links.size;
  }

  /** @returns the port to connect to instead of the target's */
  async listen(port = 0): Promise<number> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.accept(client));
    listener.listen(port, '127.0.0.1');
    await once(listener, 'listening');
    this.listener = listener;
    this.ownPort = (listener.address() as AddressInfo).port;
    return this.ownPort;
  }

  /** Breaks all connections: both sides get a reset. Bytes on their way are lost. New connections are accepted. */
  cut(): void {
    for (const link of this.links) link.cut();
  }

  /** Nobody listens any more: connecting fails with ECONNREFUSED. What is connected stays so. */
  async refuse(refused: boolean): Promise<void> {
    if (refused) {
      this.listener?.close();
      this.listener = undefined;
    } else if (!this.listener) {
      await this.listen(this.ownPort);
    }
  }

  /**
   * Passes nothing on in this direction: no bytes, no end of a connection. To both sides it looks as if the other one
   * had nothing to say. Also for new connections, which are accepted.
   */
  freeze(direction: Direction = 'both'): void {
    this.frozen.up ||= direction !== 'down';
    this.frozen.down ||= direction !== 'up';
    this.conditionsChanged();
  }

  /**
   * Forgets the connections there are without a word, as a router does, or a machine that lost its power: nothing passes on
   * them any more, and neither side is told. New ones work.
   */
  forget(): void {
    for (const link of this.links) link.forget();
  }

  /** Passes on what was held back, and goes on. */
  thaw(): void {
    this.frozen.up = this.frozen.down = false;
    this.conditionsChanged();
  }

  /** From now on bytes arrive this much later, in each direction. */
  delay(ms: number): void {
    this.delayMs = ms;
  }

  /**
   * Waits, once, for bytes that a client sends to the server, e.g. `COMMIT`, on any connection.
   * @returns a promise for the moment it happened
   */
  onceUpstreamContains(bytes: string | Buffer, action: TripwireAction): Promise<void> {
    return new Promise((tripped) => this.tripwires.push({ bytes: Buffer.from(bytes), action, tripped }));
  }

  async close(): Promise<void> {
    await this.refuse(true);
    this.cut();
  }

  private accept(client: Socket): void {
    const { targetHost = '127.0.0.1', targetPort } = this.target;
    const server = connect({ host: targetHost, port: targetPort, allowHalfOpen: true, noDelay: true });
    const link = new Link(client, server, {
      isFrozen: (direction) => this.frozen[direction],
      delayMs: () => this.delayMs,
      tripwires: this.tripwires,
      closed: () => this.links.delete(link),
    });
    this.links.add(link);
  }

  private conditionsChanged(): void {
    for (const link of this.links) link.conditionsChanged();
  }
}

interface Tripwire {
  readonly bytes: Buffer;
  readonly action: TripwireAction;
  readonly tripped: () => void;
}

/** What a connection must know of its proxy. */
interface Conditions {
  isFrozen(direction: 'up' | 'down'): boolean;
  delayMs(): number;
  /** Shared by all connections: the one that trips a wire removes it. */
  readonly tripwires: Tripwire[];
  closed(): void;
}

/** One connection: two sockets and a lane for each direction. */
class Link {
  private readonly up: Lane;
  private readonly down: Lane;
  /** The end of what the client sent, in which the beginning of a tripwire's bytes may be. */
  private recent = Buffer.alloc(0);
  private mute = false;
  private forgotten = false;

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    private readonly conditions: Conditions,
  ) {
    const delay = (): number => conditions.delayMs();
    this.up = new Lane(
      client,
      server,
      delay,
      () => this.forgotten || conditions.isFrozen('up'),
      (bytes) => this.passUp(bytes),
    );
    this.down = new Lane(
      server,
      client,
      delay,
      () => this.mute || this.forgotten || conditions.isFrozen('down'),
      (bytes) => client.write(bytes),
    );
    for (const socket of [client, server]) {
      socket.on('close', () => {
        if (client.destroyed && server.destroyed) conditions.closed();
      });
    }
  }

  cut(): void {
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }

  forget(): void {
    this.forgotten = true;
    this.conditionsChanged();
  }

  conditionsChanged(): void {
    this.up.flow();
    this.down.flow();
  }

  private passUp(bytes: Buffer): boolean {
    const tripwire = this.tripBy(bytes);
    if (!tripwire) return this.server.write(bytes);
    const { action, tripped } = tripwire;
    if (action === 'cutBefore') {
      this.cut();
      tripped();
    } else if (action === 'cutAfter') {
      // A reset could make the server's kernel drop bytes the server has not read yet; an end cannot.
      this.mute = true;
      this.server.end(bytes, () => {
        this.client.resetAndDestroy();
        tripped();
      });
    } else {
      this.server.write(bytes, () => {
        action();
        tripped();
      });
    }
    return true;
  }

  private tripBy(bytes: Buffer): Tripwire | undefined {
    const { tripwires } = this.conditions;
    const text = Buffer.concat([this.recent, bytes]);
    const longest = Math.max(0, ...tripwires.map((tripwire) => tripwire.bytes.length));
    this.recent = text.subarray(Math.max(0, text.length - longest + 1));
    const index = tripwires.findIndex((tripwire) => text.includes(tripwire.bytes));
    return index < 0 ? undefined : tripwires.splice(index, 1)[0];
  }
}

/** A lane stops reading its source when it holds this many bytes, so that a sender feels the resistance. */
const CAPACITY = 1024 * 1024;

type Event = Buffer | 'end' | 'broken';

/** What one socket says, in order, on its way to the other. */
class Lane {
  private readonly queue: Array<{ due: number; event: Event }> = [];
  private queuedBytes = 0;
  private blocked = false;
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    delayMs: () => number,
    private readonly isFrozen: () => boolean,
    /** Writes to `to`; false when it is full. */
    private readonly pass: (bytes: Buffer) => boolean,
  ) {
    const enqueue = (event: Event): void => {
      this.queue.push({ due: Date.now() + delayMs(), event });
      if (Buffer.isBuffer(event)) this.queuedBytes += event.length;
      this.flow();
    };
    from.on('data', enqueue);
    from.on('end', () => enqueue('end'));
    from.on('error', () => {}); // 'close' follows
    from.on('close', (hadError) => hadError && enqueue('broken'));
    to.on('drain', () => {
      this.blocked = false;
      this.flow();
    });
    to.on('close', () => clearTimeout(this.timer));
  }

  /** Passes on what may be passed on now, and sees to it that the rest follows. */
  flow(): void {
    while (!this.to.destroyed && !this.blocked && !this.isFrozen() && this.isDue()) {
      const { event } = this.queue.shift()!;
      if (event === 'end') this.to.end();
      else if (event === 'broken') this.to.resetAndDestroy();
      else {
        this.queuedBytes -= event.length;
        this.blocked = !this.pass(event);
      }
    }
    if (this.isFrozen() || this.queuedBytes > CAPACITY) this.from.pause();
    else this.from.resume();
  }

  private isDue(): boolean {
    const [next] = this.queue;
    if (!next) return false;
    const wait = next.due - Date.now();
    if (wait <= 0) return true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flow(), wait);
    return false;
  }
}
