import { type Expected, expectedAt } from '../../message/codec';
import type { PublishOutcome } from '../../message/delivery';
import type { CancelEnvelope, Envelope, MessageEnvelope } from '../../message/envelope';
import { errorText } from '../../message/receipt';
import type {
  Endpoint,
  Reaction,
  ReceiptReaction,
  Transport,
  TransportDeps,
  TransportFactory,
} from '../../ports/transport';
import type { Passage } from './fates';
import { MemoryBroker, type MemoryConnection } from './memory-broker';
import type { Copy, MemoryConsumer } from './memory-queue';

const PUBLISH_TIMEOUT_MS = 5_000;
const RECEIPTS_AT_ONCE = 64;
const CANCELS_AT_ONCE = 8;
/** How soon a copy comes again after its handling failed. */
const REDELIVERY_MS = 1_000;

/**
 * Messages within one process, for tests and simulation: the module's `transport: memory()`.
 *
 * Services that shall talk to each other share a broker: give it, or use one factory for all of them.
 */
export function memory(broker?: MemoryBroker): TransportFactory {
  let shared = broker;
  return {
    name: 'memory',
    create: (deps) => new MemoryTransport((shared ??= new MemoryBroker(deps.clock)), deps),
  };
}

class ComesAgain extends Error {
  constructor(
    problem: string,
    readonly pauseMs: number,
  ) {
    super(problem);
  }
}

/** One process's connection to a {@link MemoryBroker}. Everything passes through the wire format, as it would outside. */
export class MemoryTransport implements Transport, MemoryConnection {
  readonly name = 'memory';
  private endpoint: Endpoint | undefined;
  private usable = false;
  private serving = false;
  private stopping = false;
  private inHand = 0;
  private onIdle = (): void => {};
  private readonly inFlight = new Set<(outcome: PublishOutcome) => void>();

  constructor(
    private readonly broker: MemoryBroker,
    private readonly deps: TransportDeps,
    readonly publishTimeoutMs = PUBLISH_TIMEOUT_MS,
  ) {}

  get ready(): boolean {
    return this.usable;
  }

  destination(to: string, type: string): string {
    return `${to}.${type}`;
  }

  async start(endpoint: Endpoint): Promise<void> {
    this.endpoint = endpoint;
    this.broker.connect(this);
  }

  publish(envelope: MessageEnvelope | CancelEnvelope, to: string | undefined): Promise<PublishOutcome> {
    const type = envelope.kind === 'cancel' ? 'cancel' : envelope.message.type;
    if (to === undefined) return this.send('announcements', type, envelope);
    return this.send('requests', `${to}.${type}`, envelope, to);
  }

  async stopConsuming(timeoutMs: number): Promise<void> {
    this.stopping = true;
    this.broker.stopConsuming(this);
    if (this.inHand === 0) return;
    const idle = new Promise<void>((resolve) => (this.onIdle = resolve));
    const cancelTimer = this.deps.clock.schedule(timeoutMs, this.onIdle);
    await idle;
    cancelTimer();
  }

  async close(): Promise<void> {
    this.broker.disconnect(this);
    this.onDown();
  }

  onUp(): void {
    if (!this.serving && !this.stopping) this.serve();
    this.serving = true;
    this.setUsable(true);
  }

  onBlocked(): void {
    this.setUsable(false);
  }

  onDown(): void {
    this.serving = false;
    this.setUsable(false);
    for (const tell of this.inFlight) tell({ kind: 'unknown', error: 'connection lost' });
  }

  private serve(): void {
    const { service, subscriptions } = this.endpoint!;
    const receipts = `${service}.receipts`;
    this.broker.declare(receipts, { exchange: 'receipts', routingKey: service });
    this.consume(receipts, { kind: 'receipt' }, RECEIPTS_AT_ONCE);
    const cancels = `${service}.cancel`;
    this.broker.declare(cancels, { exchange: 'requests', routingKey: cancels });
    this.consume(cancels, { kind: 'cancel' }, CANCELS_AT_ONCE);
    for (const subscription of subscriptions) {
      const { type, kind, concurrency, waiting = 0 } = subscription;
      const queue = `${service}.${type}`;
      const request = { exchange: 'requests', routingKey: queue } as const;
      this.broker.declare(queue, kind === 'request' ? request : { exchange: 'announcements', routingKey: type });
      this.consume(queue, expectedAt(subscription, subscriptions), concurrency + waiting);
    }
  }

  private consume(queue: string, expected: Expected, limit: number): void {
    this.broker.consume(this, queue, limit, (copy, consumer) => {
      this.inHand++;
      this.deps.clock.schedule(0, () => void this.handle(copy, expected, consumer));
    });
  }

  private async handle(copy: Copy, expected: Expected, consumer: MemoryConsumer): Promise<void> {
    try {
      await this.accept(copy, expected);
      consumer.acknowledge(copy);
    } catch (error) {
      this.deps.monitor.record({ event: 'transport.trouble', transport: this.name, problem: errorText(error) });
      const pauseMs = error instanceof ComesAgain ? error.pauseMs : REDELIVERY_MS;
      this.deps.clock.schedule(pauseMs, () => consumer.giveBack(copy));
    } finally {
      this.inHand--;
      if (this.inHand === 0) this.onIdle();
    }
  }

  private async accept(copy: Copy, expected: Expected): Promise<void> {
    const endpoint = this.endpoint!;
    const { wire } = copy;
    const envelope = this.deps.codec.decode(wire, endpoint.service, expected);
    switch (envelope.kind) {
      case 'malformed':
        this.broker.quarantine(endpoint.service, { wire, problem: envelope.problem });
        return endpoint.onMalformed(envelope);
      case 'receipt':
        return this.reactToReceipt(await endpoint.onReceipt(envelope, copy.returns ?? 0), copy);
      case 'message':
      case 'cancel':
        return this.react(await endpoint.onEnvelope(envelope), wire);
      default:
        return envelope satisfies never;
    }
  }

  private reactToReceipt(reaction: ReceiptReaction, copy: Copy): void {
    switch (reaction.kind) {
      case 'done':
        return;
      case 'quarantine':
        return this.broker.quarantine(this.endpoint!.service, { wire: copy.wire, problem: reaction.problem });
      case 'return':
        copy.returns = (copy.returns ?? 0) + 1;
        throw new ComesAgain(reaction.problem, reaction.pauseMs);
      default:
        return reaction satisfies never;
    }
  }

  private async react(reaction: Reaction, wire: Copy['wire']): Promise<void> {
    switch (reaction.kind) {
      case 'answer': {
        const { to, receipt, trace } = reaction;
        const outcome = await this.send('receipts', to, { kind: 'receipt', to, receipt, trace }, to);
        // R11 asks again: a receipt that cannot be sent holds up nothing.
        if (outcome.kind === 'confirmed') return;
        return this.deps.monitor.record({ event: 'transport.receipt-not-sent', outcome: outcome.kind });
      }
      case 'quarantine':
        return this.broker.quarantine(this.endpoint!.service, { wire, problem: reaction.problem });
      case 'silence':
        return;
      default:
        return reaction satisfies never;
    }
  }

  private send(
    exchange: Passage['exchange'],
    routingKey: string,
    envelope: Envelope,
    to?: string,
  ): Promise<PublishOutcome> {
    if (!this.usable) return Promise.resolve({ kind: 'unavailable' });
    return new Promise((resolve) => {
      const tell = (outcome: PublishOutcome): void => {
        cancelTimer();
        this.inFlight.delete(tell);
        resolve(outcome);
      };
      const { publishTimeoutMs } = this;
      const cancelTimer = this.deps.clock.schedule(publishTimeoutMs, () =>
        tell({ kind: 'unknown', error: `no confirm within ${publishTimeoutMs} ms` }),
      );
      this.inFlight.add(tell);
      // Through this process's clock: a process that is stopped hears nothing.
      const told = (outcome: PublishOutcome): void => void this.deps.clock.schedule(0, () => tell(outcome));
      this.broker.publish({ exchange, routingKey, wire: this.deps.codec.encode(envelope, to) }, told);
    });
  }

  private setUsable(usable: boolean): void {
    if (this.usable === usable) return;
    this.usable = usable;
    this.endpoint?.onReady(usable);
  }
}
