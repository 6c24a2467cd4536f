import type { PublishOutcome } from '../../message/delivery';
import type { UntrustedWireEnvelope } from '../../message/envelope';
import type { Clock } from '../../ports/clock';
import { type FaultPlan, fates, type Passage } from './fates';
import { type Copy, type MemoryConsumer, MemoryQueue } from './memory-queue';

/** Somebody connected to the broker. */
export interface MemoryConnection {
  /** The broker can be used now. */
  onUp(): void;
  /** Nothing can be published for now; consuming goes on. */
  onBlocked(): void;
  /** The connection is lost: what was in hand has gone back, and no publish in flight will be confirmed. */
  onDown(): void;
}

/** An envelope that was put aside for a person. */
export interface Quarantined {
  readonly wire: UntrustedWireEnvelope;
  readonly problem: string;
}

/**
 * A message broker in memory, with the topology of the RabbitMQ transport: durable queues by name, mandatory publishing, competing
 * consumers, announcements to everybody bound, redelivery of what was not acknowledged. What goes wrong is up to a
 * {@link FaultPlan}; it takes time only from the clock it is given.
 */
export class MemoryBroker {
  private readonly queues = new Map<string, MemoryQueue>();
  private readonly bindings = new Map<string, Set<MemoryQueue>>();
  private readonly quarantines = new Map<string, Quarantined[]>();
  private readonly connections = new Map<MemoryConnection, MemoryConsumer[]>();
  private state: 'up' | 'blocked' | 'down' = 'up';

  constructor(
    private readonly clock: Clock,
    private readonly plan: FaultPlan = () => undefined,
  ) {}

  /** Says how it is at once, and from then on whenever it changes. */
  connect(connection: MemoryConnection): void {
    this.connections.set(connection, []);
    if (this.state !== 'down') connection.onUp();
    if (this.state === 'blocked') connection.onBlocked();
  }

  /** Consumers end, and what they had in hand goes back. The connection is not told: it asked, or it is dead. */
  disconnect(connection: MemoryConnection): void {
    this.connections.get(connection)?.forEach((consumer) => consumer.end());
    this.connections.delete(connection);
  }

  declare(queue: string, binding?: Pick<Passage, 'exchange' | 'routingKey'>): void {
    const declared = this.queue(queue);
    if (!binding) return;
    const bound = this.bindings.get(bindingKey(binding)) ?? new Set();
    this.bindings.set(bindingKey(binding), bound.add(declared));
  }

  consume(
    connection: MemoryConnection,
    queue: string,
    limit: number,
    take: (copy: Copy, consumer: MemoryConsumer) => void,
  ): void {
    const consumer = this.queue(queue).subscribe(limit, take);
    this.connections.get(connection)!.push(consumer);
  }

  stopConsuming(connection: MemoryConnection): void {
    this.connections.get(connection)?.forEach((consumer) => consumer.stop());
  }

  /** @param told what became of it; never called at once */
  publish(passage: Passage, told: (outcome: PublishOutcome) => void): void {
    const queues = [...(this.bindings.get(bindingKey(passage)) ?? [])];
    const fate = this.state === 'up' ? (this.plan(passage) ?? fates.fine()) : fates.unavailable();
    const unroutable = fate.outcome.kind === 'confirmed' && queues.length === 0;
    for (const afterMs of fate.copiesAfterMs) {
      this.clock.schedule(afterMs, () => queues.forEach((queue) => queue.put({ wire: passage.wire })));
    }
    this.clock.schedule(fate.afterMs, () => told(unroutable ? { kind: 'returned' } : fate.outcome));
  }

  /** Puts anything into a queue, as a stranger could. */
  inject(queue: string, wire: UntrustedWireEnvelope): void {
    this.queue(queue).put({ wire });
  }

  quarantine(service: string, quarantined: Quarantined): void {
    this.quarantines.set(service, [...this.quarantined(service), quarantined]);
  }

  quarantined(service: string): readonly Quarantined[] {
    return this.quarantines.get(service) ?? [];
  }

  /** How many copies wait in a queue, those in a consumer's hands left out. */
  depth(queue: string): number {
    return this.queue(queue).depth;
  }

  /** An alarm: nobody can publish until `resume`. */
  block(): void {
    if (this.state === 'down') return;
    this.state = 'blocked';
    for (const connection of this.connections.keys()) connection.onBlocked();
  }

  /** Every connection is lost; nobody gets a new one until `resume`. The queues keep what they have. */
  interrupt(): void {
    this.state = 'down';
    for (const [connection, consumers] of this.connections) {
      consumers.splice(0).forEach((consumer) => consumer.end());
      connection.onDown();
    }
  }

  resume(): void {
    this.state = 'up';
    for (const connection of this.connections.keys()) connection.onUp();
  }

  private queue(name: string): MemoryQueue {
    let queue = this.queues.get(name);
    if (!queue) this.queues.set(name, (queue = new MemoryQueue(name)));
    return queue;
  }
}

function bindingKey({ exchange, routingKey }: Pick<Passage, 'exchange' | 'routingKey'>): string {
  return `${exchange}/${routingKey}`;
}
