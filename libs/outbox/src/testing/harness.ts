import { MemoryBroker } from './memory/memory-broker';
import { MemoryDatabase } from './memory/memory-database';
import type { DeliveryRow } from './memory/memory-tables';
import { SeededRandom } from './memory/seeded-random';
import { VirtualClock } from './memory/virtual-clock';
import { type Duration, durationOf } from '../message/duration';
import type { MessageStatus } from '../outbox/outbox';
import { HarnessFaults } from './harness-faults';
import { type Behaviour, HarnessService, type HarnessServiceOptions } from './harness-service';

/** How long `drain` lets virtual time pass at the most: longer than every wait of the protocol. */
const PATIENCE_MS = 60 * 86_400_000;

/**
 * A whole system in memory: services with their databases, a broker between them, one virtual clock. It runs the library
 * itself; only time, database and broker are replaced, so a test of a message flow takes milliseconds, never sleeps, and
 * can make anything go wrong.
 *
 * ```ts
 * const system = new OutboxHarness();
 * const orders = await system.service('order-service', [handle(OrderRequested, async () => ({ orderId: 7 }))]);
 * const users = await system.service('user-service', [compensate(OrderRequested, async () => { … })]);
 * const { id } = await users.add(OrderRequested, { … });
 * system.faults.lose('receipt');
 * await system.drain();
 * ```
 */
export class OutboxHarness {
  readonly clock: VirtualClock;
  readonly broker: MemoryBroker;
  /** What shall go wrong next. */
  readonly faults = new HarnessFaults();
  private readonly random: SeededRandom;
  private readonly services = new Map<string, HarnessService>();

  /** @param seed the same seed means the same ids, the same jitter and the same order of events */
  constructor(seed = 1) {
    this.random = new SeededRandom(seed);
    this.clock = new VirtualClock();
    this.broker = new MemoryBroker(this.clock, this.faults.plan);
  }

  /** Starts a service with a database of its own. */
  async service(
    name: string,
    behaviours: readonly Behaviour[] = [],
    options: HarnessServiceOptions = {},
  ): Promise<HarnessService> {
    const database = new MemoryDatabase(this.clock);
    const service = new HarnessService(name, behaviours, options, {
      clock: this.clock,
      broker: this.broker,
      random: this.random,
      database,
    });
    this.services.set(name, service);
    await service.start();
    return service;
  }

  /** Lets time pass, and everything happen that is due meanwhile. */
  async advance(duration: Duration): Promise<void> {
    await this.clock.advance(durationOf('the time', duration, '1h'));
  }

  /**
   * Lets time pass until no delivery of any service is open: each is final or parked.
   * @throws Error naming what is still open after 60 virtual days
   */
  async drain(): Promise<void> {
    await this.until(
      () => this.open().length === 0,
      () => `still open: ${this.open().join(', ')}`,
    );
  }

  /** Lets time pass until the message has its verdict from every consumer (or is final). */
  async waitForVerdict(service: HarnessService, id: string): Promise<MessageStatus> {
    let status: MessageStatus | undefined;
    const waiting = service.outbox.waitForVerdict(id, { timeout: PATIENCE_MS }).then((found) => (status = found));
    // Whatever goes wrong is thrown below, when the wait is over.
    waiting.catch(() => undefined);
    await this.until(
      () => status !== undefined,
      () => `message ${id} has no verdict`,
    );
    return waiting;
  }

  private async until(condition: () => boolean, problem: () => string): Promise<void> {
    const end = this.clock.monotonic() + PATIENCE_MS;
    await this.clock.advance(0);
    while (!condition()) {
      if (this.clock.monotonic() > end || !(await this.clock.step())) throw new Error(problem());
    }
  }

  private open(): string[] {
    return [...this.services.values()].flatMap((service) =>
      service
        .rows<DeliveryRow>('outbox_delivery')
        .filter(({ nextAt }) => nextAt !== undefined)
        .map(({ messageId, consumer, state }) => `${messageId} → ${consumer}: ${state}`),
    );
  }
}
