import { AsyncLocalStorage } from 'node:async_hooks';
import { TracedTransport, tracedArrival, tracedCreation, tracedHandlers } from './operations/traced';
import { Turns } from './concurrency/turns';
import { wait } from './concurrency/waiting';
import { waitingRoom } from './inbox/announcements';
import { Inbox } from './inbox/inbox';
import { waits } from './message/backoff';
import { OutboxHealth } from './operations/health';
import { Metrics } from './operations/metrics';
import { OutboxOperations } from './operations/operations';
import { OutboxPressure } from './operations/pressure';
import { Pruner } from './operations/pruner';
import { Sampler } from './operations/sampler';
import type { ResolvedOptions } from './outbox-options';
import { Outbox } from './outbox/outbox';
import { VerdictWatch } from './outbox/verdict-watch';
import type { Clock, Random } from './ports/clock';
import type { HandlerRegistry } from './ports/handlers';
import type { Monitor } from './ports/monitor';
import type { InboxStore, OutboxStore } from './ports/store';
import type { TransactionRunner } from './ports/transaction-runner';
import type { Endpoint, Transport } from './ports/transport';
import { FollowUpRunner } from './receipts/follow-ups';
import { Receipts } from './receipts/receipts';
import { HandOffBuffer } from './relay/hand-off-buffer';
import { Relay } from './relay/relay';
import { type HandOffTaker, RelayHandOff } from './relay/relay-hand-off';
import { RelayRunner } from './relay/runner';
import { Marks } from './relay/marks';
import { TokenBucket } from './relay/token-bucket';
import type { EntityManager } from './transactions';

/** Everything that can be replaced: by PostgreSQL and RabbitMQ, or by a simulation. */
export interface RuntimeParts<Tx = EntityManager> {
  readonly options: ResolvedOptions;
  readonly store: OutboxStore<Tx> & { readonly inbox: InboxStore<Tx> };
  readonly transactions: TransactionRunner<Tx>;
  readonly transport: Transport;
  readonly handlers: HandlerRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly monitor: Monitor;
}

/** A copy waits so long for its twin in progress, then leaves the answer to it. */
const INBOX_LOCK_TIMEOUT_MS = 5_000;
/** Deliveries in memory between commit and publish; beyond, rows are inserted unleased and swept. */
const HAND_OFF_CAPACITY = 1_000;
const BUSY_POLL_MS = 50;
const PRUNE_EVERY_MS = 60_000;

/**
 * One service's half of the protocol, put together: what it records, relays, consumes and answers. Knows ports only.
 *
 * Starting: serve and connect first, then relay. Stopping in two steps, because HTTP is served until the last moment:
 * `stopConsuming` while requests still record messages, `stop` when nobody can record any more.
 */
export class OutboxRuntime<Tx = EntityManager> {
  readonly outbox: Outbox<Tx>;
  readonly operations: OutboxOperations;
  readonly health: OutboxHealth;
  readonly pressure: OutboxPressure;
  readonly relay: Relay;
  readonly inbox: Inbox;
  readonly receipts: Receipts;
  readonly pruner: Pruner;
  /** If they are asked for: to be told of everything that the monitor is told. */
  readonly metrics: Metrics | undefined;
  private readonly sampler: Sampler;
  private readonly runner: RelayRunner;
  private readonly turns: Turns;
  private malformed = 0;
  /** What a transport brings is nobody's request here, also if it comes over a connection that a request opened. */
  private readonly inOwnContext = AsyncLocalStorage.snapshot();
  private prepared = false;
  private preparing: Promise<void> | undefined;
  private stopConsumingTook = 0;
  private closing = false;

  private readonly parts: RuntimeParts<Tx>;

  constructor(given: RuntimeParts<Tx>) {
    const parts = (this.parts = traced(given));
    const { options, store, transactions, transport, handlers, clock, random, monitor } = parts;
    const relayWaits = waits(options.backoff, options.receiptWait, () => random.next());
    const verdicts = new VerdictWatch(clock);
    const marks = new Marks(store, clock, monitor);
    const rate = new TokenBucket(options.maxPublishesPerSecond, clock);
    const handedOff = new HandOffBuffer(options.relay ? Math.min(HAND_OFF_CAPACITY, rate.capacity) : 0);
    const handOff = new RelayHandOff(
      { buffer: handedOff, relay: this.takingHandOffs(rate), clock, random },
      { leaseMs: options.leaseMs, publishTimeoutMs: transport.publishTimeoutMs },
    );
    const turns = (this.turns = new Turns(store, handOff, options.giveUpAfterMs, clock, monitor));
    const followUps = new FollowUpRunner(
      { store, transactions, handlers, verdicts, turns, waits: relayWaits, clock, monitor },
      { timeoutMs: options.handlerTimeoutMs, alarmAfter: options.alarmAfter },
    );
    this.relay = new Relay(
      { store, transport, handedOff, marks, followUps, turns, rate, waits: relayWaits, clock, random, monitor },
      options,
    );
    this.runner = new RelayRunner(
      this.relay,
      { busyMs: Math.min(BUSY_POLL_MS, options.pollIntervalMs), idleMs: options.pollIntervalMs },
      clock,
      monitor,
    );
    const prepare = (): Promise<void> => this.prepare();
    this.outbox = new Outbox(
      { store, transactions, handOff, turns, verdicts, clock, random, monitor, prepare },
      {
        ...options,
        maxBodyBytes: () => transport.maxBodyBytes,
        trace: options.tracing && tracedCreation(transport, options.tracing),
      },
    );
    this.inbox = new Inbox(
      { store: store.inbox, transactions, handlers, clock, random, monitor },
      { service: options.service, horizonMs: options.horizonMs, lockTimeoutMs: INBOX_LOCK_TIMEOUT_MS },
    );
    this.receipts = new Receipts(
      { store, transactions, followUps, marks, verdicts, turns, waits: relayWaits, clock, monitor },
      { service: options.service, retentionMs: options.retention.outboxMs },
    );
    const cancel = (id: string, asked: { reason: string; to?: string; by: string }) => this.outbox.cancel(id, asked);
    this.operations = new OutboxOperations(options.service, store, handOff, cancel, clock, random);
    const counted = () => ({
      claimOverdueMs: this.relay.claimOverdueMs,
      refused: this.malformed + this.receipts.refused,
      returned: this.receipts.returned,
    });
    this.health = new OutboxHealth(options.service, store, transport, counted, () => this.relay.windowUse, clock);
    this.pressure = new OutboxPressure(options, store, clock, random, monitor);
    this.pruner = new Pruner(
      { service: options.service, ...options.retention, everyMs: PRUNE_EVERY_MS },
      store,
      clock,
      monitor,
    );
    this.sampler = new Sampler({ service: options.service, overdueMs: options.receiptWait.firstMs }, store, clock);
    this.metrics = this.measure();
  }

  /** The relay is made last: what it brings to its end may let the next of a key go, which is handed off to it again. */
  private takingHandOffs(rate: TokenBucket): HandOffTaker {
    const { transport } = this.parts;
    return {
      ready: () => transport.ready && rate.hasPlenty() && !this.relay.pausing,
      takeHandedOff: () => this.relay.takeHandedOff(),
      release: (deliveries) => this.relay.release(deliveries),
      wake: () => this.runner.wake(),
    };
  }

  private measure(): Metrics | undefined {
    const { options, transport, handlers } = this.parts;
    const { metrics: meter, service, window } = options;
    if (!meter) return undefined;
    return new Metrics({
      ...{ meter, transport, window, service },
      sampler: this.sampler,
      kindOf: (type) => handlers.handler(type)?.kind,
      inFlight: () => this.relay.inFlight,
    });
  }

  /**
   * Makes the follow-ups of this process known to its service (R13): before it records, and before it consumes.
   * @throws HandlersUnknownError while the application is still being put together
   */
  async prepare(): Promise<void> {
    if (this.prepared) return;
    this.preparing ??= this.register();
    try {
      await this.preparing;
      this.prepared = true;
    } finally {
      this.preparing = undefined; // what failed is tried again by the next who asks
    }
  }

  private async register(): Promise<void> {
    const { handlers, store, options } = this.parts;
    await store.registerFollowUps(options.service, handlers.followUps());
  }

  /** @throws TopologyMismatchError and whatever else stops a boot */
  async start(): Promise<void> {
    await this.prepare();
    await this.nameOldHandlers();
    await this.parts.transport.start(this.endpoint(await this.parts.store.fingerprint()));
    this.pruner.start();
    if (this.metrics) this.sampler.start();
    if (this.parts.options.relay) this.runner.start();
  }

  /**
   * What the service handled once and this process does not: their queues go on taking copies. Another process may have
   * the handlers, so this one does not consume in its place; if none has, the producers' alarms follow (`alarmAfter`). A
   * process that only records, such as a script, neither has any nor needs to.
   */
  private async nameOldHandlers(): Promise<void> {
    const { handlers, store, options, monitor } = this.parts;
    const here = handlers.handlers();
    if (here.length === 0 && !options.relay) return;
    for (const { type, where } of await store.inbox.registerHandlers(options.service, here))
      monitor.record({ event: 'inbox.not-handled-here', type, where });
  }

  /** Takes no more envelopes; lets handlers in progress end. */
  async stopConsuming(): Promise<void> {
    const { clock, options, transport } = this.parts;
    const began = clock.monotonic();
    await transport.stopConsuming(options.shutdownTimeoutMs);
    this.stopConsumingTook = clock.monotonic() - began;
  }

  /**
   * Claims nothing more, finishes what is in flight, gives back leases, closes connections. What is not finished in time is
   * left to its lease, as if the process had died: somebody else repeats it.
   */
  async stop(): Promise<void> {
    const { clock, options, transport } = this.parts;
    const leftMs = Math.max(options.shutdownTimeoutMs - this.stopConsumingTook, transport.publishTimeoutMs);
    const finished = this.finish();
    if (await wait(clock, leftMs, finished)) await finished;
    this.closing = true;
    await transport.close();
  }

  private async finish(): Promise<void> {
    await this.pruner.stop();
    await this.sampler.stop();
    await this.turns.drain();
    await this.runner.stop();
  }

  private endpoint(database: string | undefined): Endpoint {
    const { options, handlers, transport, monitor } = this.parts;
    const { service, tracing } = options;
    const handled: Pick<Endpoint, 'onEnvelope' | 'onReceipt'> = {
      onEnvelope: (envelope) => this.inbox.receive(envelope),
      onReceipt: (envelope, returns) => this.receipts.apply(envelope, returns),
    };
    const arrival = tracing ? tracedArrival(handled, transport, tracing, service) : handled;
    return {
      service: options.service,
      database,
      subscriptions: handlers.handlers().map(({ type, kind, concurrency, timeoutMs }) => ({
        ...{ type, kind, concurrency },
        ...(kind === 'announcement' && { waiting: waitingRoom({ concurrency, timeoutMs }) }),
      })),
      onEnvelope: (envelope) => this.inOwnContext(() => arrival.onEnvelope(envelope)),
      onReceipt: (envelope, returns) => this.inOwnContext(() => arrival.onReceipt(envelope, returns)),
      onMalformed: ({ problem, claims, untrusted }) => {
        this.malformed++;
        monitor.record(
          untrusted
            ? { event: 'receipt.untrusted', ...untrusted, problem }
            : { event: 'inbox.malformed', ...claims, problem },
        );
      },
      onReady: (ready) => {
        if (this.closing && !ready) return; // we have hung up ourselves
        monitor.record({ event: ready ? 'transport.ready' : 'transport.not-ready', transport: transport.name });
        if (ready) this.runner.wake();
      },
    };
  }
}

/** Nothing stands in between unless somebody traces. */
function traced<Tx>(parts: RuntimeParts<Tx>): RuntimeParts<Tx> {
  const { tracing } = parts.options;
  if (!tracing) return parts;
  const transport = new TracedTransport(parts.transport, tracing);
  return { ...parts, transport, handlers: tracedHandlers(parts.handlers, tracing) };
}
