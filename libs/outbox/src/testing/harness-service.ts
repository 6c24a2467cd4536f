import type { MemoryBroker } from './memory/memory-broker';
import type { MemoryClient, MemoryDatabase } from './memory/memory-database';
import { MemoryStore } from './memory/memory-store';
import type { MemoryTransaction } from './memory/memory-transaction';
import { MemoryTransactions } from './memory/memory-transactions';
import { memory, MemoryTransport } from './memory/memory-transport';
import { concurrencyOf, type HandlerOptions } from '../discovery/handler-options';
import { PLAIN } from '../message/codec';
import { type ContractClass, contractOf } from '../message/contract';
import type { OutboxEvent } from '../message/events';
import type { Verdict } from '../message/receipt';
import { type OutboxModuleOptions, resolveOptions } from '../outbox-options';
import { OutboxRuntime } from '../outbox-runtime';
import type { AddOptions, MessageStatus, Outbox } from '../outbox/outbox';
import type { Clock, Random } from '../ports/clock';
import type {
  BatchHandler,
  BoundFollowUp,
  BoundHandler,
  FollowUpContext,
  HandlerRegistry,
  MessageContext,
  SingleHandler,
} from '../ports/handlers';

/** What a service does with messages: made by `handle`, `onAccepted` and `compensate`. */
export type Behaviour = (options: {
  handlerTimeoutMs: number;
}) => { handler: BoundHandler } | { followUp: BoundFollowUp };

/** As `@MessageHandler`. Business data in memory: `context.manager.table('orders')`. */
export function handle<M extends object>(
  contract: ContractClass<M>,
  work: (message: M, context: MessageContext<MemoryTransaction>) => Promise<unknown>,
  options: { concurrency?: number; groupCommit?: number | 'auto'; timeoutMs?: number } = {},
): Behaviour {
  const { groupCommit = 1 } = options;
  return ({ handlerTimeoutMs }) => ({
    handler: {
      ...described(contract, options, handlerTimeoutMs),
      groupCommit,
      handle: work as SingleHandler['handle'],
    },
  });
}

/** As `@MessageHandler` with `batch`, for a method that takes arrays. */
export function handleBatch<M extends object>(
  contract: ContractClass<M>,
  work: (messages: M[], contexts: MessageContext<MemoryTransaction>[]) => Promise<readonly unknown[] | void>,
  options: { batch: number; concurrency?: number; timeoutMs?: number },
): Behaviour {
  const { batch } = options;
  return ({ handlerTimeoutMs }) => ({
    handler: { ...described(contract, options, handlerTimeoutMs), batch, handle: work as BatchHandler['handle'] },
  });
}

function described(
  contract: ContractClass,
  options: { concurrency?: number; batch?: number; timeoutMs?: number },
  handlerTimeoutMs: number,
) {
  const { type, consumers } = contractOf(contract);
  const kind = consumers.length > 0 ? ('request' as const) : ('announcement' as const);
  const where = `handle(${contract.name})`;
  const { timeoutMs = handlerTimeoutMs } = options;
  return { type, contract, kind, concurrency: concurrencyOf(options as HandlerOptions), timeoutMs, where };
}

/** As `@OnAccepted`. */
export function onAccepted<M extends object>(contract: ContractClass<M>, work: FollowUpWork<M>): Behaviour {
  return followUp(contract, 'accepted', work);
}

/** As `@Compensate`. */
export function compensate<M extends object>(contract: ContractClass<M>, work: FollowUpWork<M>): Behaviour {
  return followUp(contract, 'rejected', work);
}

type FollowUpWork<M> = (message: M, context: FollowUpContext<MemoryTransaction>) => Promise<unknown>;

function followUp<M extends object>(contract: ContractClass<M>, verdict: Verdict, work: FollowUpWork<M>): Behaviour {
  const { type } = contractOf(contract);
  const where = `${verdict === 'accepted' ? 'onAccepted' : 'compensate'}(${contract.name})`;
  return () => ({ followUp: { type, contract, verdict, where, run: work as BoundFollowUp['run'] } });
}

/** The module's options that make sense in memory. */
export type HarnessServiceOptions = Partial<
  Omit<OutboxModuleOptions, 'service' | 'transport' | 'tables' | 'transactionHost' | 'onAlarm'>
>;

/**
 * Where a service can be made to crash. Everything before the step has happened, nothing after it:
 * - `committing`: before a commit reaches the database
 * - `committed`: it reached the database, and nobody here knows yet
 * - `claimed`: deliveries are leased, nothing is sent
 * - `published`: the broker has it, nothing is marked
 * - `handled`: the verdict is committed, no receipt was sent
 * - `receipt-arrived`: nothing was applied
 */
export type CrashStep = 'committing' | 'committed' | 'claimed' | 'published' | 'handled' | 'receipt-arrived';

interface Surroundings {
  readonly clock: Clock;
  readonly broker: MemoryBroker;
  readonly random: Random;
  readonly database: MemoryDatabase;
}

/** One service of the harness: its database lives on when its process crashes. */
export class HarnessService {
  readonly database: MemoryDatabase;
  /** Everything the library reported, in order. */
  readonly events: OutboxEvent[] = [];
  /** Whatever handlers and follow-ups threw, in order. */
  readonly errors: unknown[] = [];
  private process: HarnessProcess | undefined;
  private crashStep: CrashStep | undefined;

  constructor(
    readonly name: string,
    private behaviours: readonly Behaviour[],
    private readonly options: HarnessServiceOptions,
    private readonly surroundings: Surroundings,
  ) {
    this.database = surroundings.database;
  }

  get running(): boolean {
    return this.process !== undefined;
  }

  get outbox(): Outbox<MemoryTransaction> {
    return this.alive().runtime.outbox;
  }

  get operations(): OutboxRuntime<MemoryTransaction>['operations'] {
    return this.alive().runtime.operations;
  }

  get transactions(): MemoryTransactions {
    return this.alive().transactions;
  }

  /** Records one message in a transaction of its own. For more, use `transactions.run` and `outbox.add`. */
  add<M extends object>(
    contract: ContractClass<M>,
    data: M,
    options?: AddOptions<MemoryTransaction>,
  ): Promise<{ id: string }> {
    return this.transactions.run(() => this.outbox.add(contract, data, options));
  }

  async status(id: string): Promise<MessageStatus> {
    const status = await this.outbox.status(id);
    if (!status) throw new Error(`${this.name} knows no message ${id}`);
    return status;
  }

  /** Business rows, as committed. */
  rows<Row extends object>(table: string): Row[] {
    return this.database.rows<Row>(table);
  }

  /** Starts it, or starts it again; with other behaviours, as a deployment does. */
  async start(behaviours = this.behaviours): Promise<void> {
    if (this.process) throw new Error(`${this.name} is running`);
    this.behaviours = behaviours;
    this.process = new HarnessProcess(this.name, behaviours, this.options, this.surroundings, {
      record: (event, thrown) => {
        this.events.push(event);
        if (thrown !== undefined) this.errors.push(thrown);
      },
      reached: (step) => this.reached(step),
    });
    await this.process.runtime.start();
  }

  /** In order: what is in hand is finished. Let time pass until it resolves. */
  async stop(): Promise<void> {
    const { runtime } = this.alive();
    await runtime.stopConsuming();
    await runtime.stop();
    this.process = undefined;
  }

  /** At once: open transactions roll back, unacknowledged envelopes go back to their queues. */
  crash(): void {
    this.process?.kill();
    this.process = undefined;
  }

  /** Crashes it when it next reaches the step. */
  crashAt(step: CrashStep): void {
    this.crashStep = step;
  }

  private reached(step: CrashStep): boolean {
    if (this.crashStep !== step) return false;
    this.crashStep = undefined;
    this.crash();
    return true;
  }

  private alive(): HarnessProcess {
    if (!this.process) throw new Error(`${this.name} is not running: start() it again.`);
    return this.process;
  }
}

interface Watcher {
  record(event: OutboxEvent, thrown?: unknown): void;
  /** @returns true if the process has just died: the caller must never be answered */
  reached(step: CrashStep): boolean;
}

/** Never answered: what calls into a dead process comes to. */
const silence = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** One process of a service: the real library on a database client, a broker connection and timers that die with it. */
class HarnessProcess {
  readonly runtime: OutboxRuntime<MemoryTransaction>;
  readonly transactions: MemoryTransactions;
  private readonly client: MemoryClient;
  private readonly transport: MemoryTransport;
  private dead = false;

  constructor(
    name: string,
    behaviours: readonly Behaviour[],
    given: HarnessServiceOptions,
    private readonly surroundings: Surroundings,
    private readonly watcher: Watcher,
  ) {
    const { broker, random, database } = surroundings;
    // Virtual days pass poll by poll; what is due at once is woken, in memory as elsewhere.
    const options = resolveOptions({ pollInterval: '5m', ...given, service: name, transport: memory(broker) });
    const monitor = {
      record: (event: OutboxEvent, thrown?: unknown) => {
        this.runtime?.metrics?.record(event);
        watcher.record(event, thrown);
      },
    };
    const clock = this.mortal(surroundings.clock);
    this.client = database.connect(async (moment) => {
      if (moment === 'commit') await this.step('committing');
      if (moment === 'committed') await this.step('committed');
    });
    this.transactions = new MemoryTransactions(this.client);
    this.transport = this.stepping(
      new MemoryTransport(broker, {
        service: name,
        clock,
        random,
        monitor,
        codec: PLAIN,
        maxPayloadBytes: 262_144,
        resolve: () => undefined,
      }),
    );
    const store = new MemoryStore(this.client);
    const claim = store.claim.bind(store);
    store.claim = async (request) => {
      const claimed = await claim(request);
      if (claimed.deliveries.length > 0) await this.step('claimed');
      return claimed;
    };
    const handlers = registryOf(behaviours, options.handlerTimeoutMs);
    this.runtime = new OutboxRuntime({
      options,
      store,
      transactions: this.transactions,
      transport: this.transport,
      handlers,
      clock,
      random,
      monitor,
    });
  }

  kill(): void {
    this.dead = true;
    this.client.kill();
    this.surroundings.broker.disconnect(this.transport);
  }

  private async step(step: CrashStep): Promise<void> {
    if (this.dead || this.watcher.reached(step)) await silence();
  }

  private mortal(clock: Clock): Clock {
    return {
      monotonic: () => clock.monotonic(),
      schedule: (delayMs, callback) => clock.schedule(delayMs, () => !this.dead && callback()),
    };
  }

  private stepping(transport: MemoryTransport): MemoryTransport {
    const publish = transport.publish.bind(transport);
    transport.publish = async (envelope, to) => {
      const outcome = await publish(envelope, to);
      if (outcome.kind === 'confirmed') await this.step('published');
      return outcome;
    };
    const start = transport.start.bind(transport);
    transport.start = (endpoint) =>
      start({
        ...endpoint,
        onEnvelope: async (envelope) => {
          const reaction = await endpoint.onEnvelope(envelope);
          await this.step('handled');
          return reaction;
        },
        onReceipt: async (envelope, returns) => {
          await this.step('receipt-arrived');
          return endpoint.onReceipt(envelope, returns);
        },
      });
    return transport;
  }
}

function registryOf(behaviours: readonly Behaviour[], handlerTimeoutMs: number): HandlerRegistry {
  const handlers = new Map<string, BoundHandler>();
  const followUps = new Map<string, BoundFollowUp>();
  for (const behaviour of behaviours) {
    const bound = behaviour({ handlerTimeoutMs });
    if ('handler' in bound) handlers.set(bound.handler.type, bound.handler);
    else followUps.set(`${bound.followUp.verdict} ${bound.followUp.type}`, bound.followUp);
  }
  return {
    handler: (type) => handlers.get(type),
    handlers: () => [...handlers.values()],
    followUp: (type, verdict) => followUps.get(`${verdict} ${type}`),
    followUps: () => [...followUps.values()],
  };
}
