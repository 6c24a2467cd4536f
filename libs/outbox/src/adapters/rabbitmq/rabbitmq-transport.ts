import { TopologyMismatchError } from '../../errors';
import { type Expected, expectedAt } from '../../message/codec';
import type { PublishOutcome } from '../../message/delivery';
import type { CancelEnvelope, MessageEnvelope } from '../../message/envelope';
import { errorText } from '../../message/receipt';
import type { Endpoint, Transport, TransportDeps } from '../../ports/transport';
import { brokerAccess } from './broker-access';
import { MAX_MEMBERS, TAKES_BUNDLES_HEADER } from './bundle';
import { Bundler } from './bundler';
import { type BrokerAccess, closeConnection, connect, gone } from './connection';
import { Consumer } from './consumer';
import { KeepOpen, type KeepOpenOptions, type Session } from './keep-open';
import { Publisher } from './publisher';
import type { RabbitMqSettings } from './rabbitmq-options';
import { Incoming } from './incoming';
import { isBeingMade, needsPerson, quarantineOf, type Queue, Topology } from './topology';
import { Takers } from './takers';
import { type Outgoing, toProperties } from './wire';

/** Between two connections; a broker that restarts is back at once for whoever asks. */
const RECONNECT_PAUSE_MS = 50;
/** So often in a row a queue that another replica is making may refuse us, in about six seconds, before it is called trouble. */
const MAKING_ATTEMPTS = 7;
/** Cancels are small and rare. */
const CANCEL_CONCURRENCY = 8;
/** Receipts are applied in batches: many must be in hand for a batch to fill. */
const RECEIPT_CONCURRENCY = 256;
/** How long a new subscription waits for the handlers of the one before it. */
const HANDLER_PATIENCE_MS = 30_000;

export interface TransportHealth {
  /** Both connections. */
  readonly connected: boolean;
  /** The broker has an alarm (memory, disk) and takes no publishes. */
  readonly blocked: boolean;
  /** Publishes whose confirm is still to come. */
  readonly inFlight: number;
  readonly consumers: { readonly expected: number; readonly actual: number };
}

/**
 * RabbitMQ on plain amqplib. Two connections, one to publish and one to consume, each kept open by a loop of its own; on
 * the second one channel per queue, kept open in the same way. See {@link KeepOpen}: whatever breaks ends a session, and
 * the next one is opened.
 */
export class RabbitMqTransport implements Transport {
  readonly name = 'rabbitmq';
  readonly publishTimeoutMs: number;
  private readonly topology: Topology;
  private readonly publisher: Publisher;
  private readonly bundler: Bundler;
  private readonly takers: Takers;
  private publishing: KeepOpen | undefined;
  private consuming: KeepOpen | undefined;
  private consumers: Consumer[] = [];
  private readonly limitsSaid = new Set<string>();
  private consumingConnected = false;
  /** The first attempts of all consumers on the present connection. */
  private subscribing: Promise<unknown[]> = Promise.resolve([]);
  /** Has every queue been consumed over the present connection? */
  private subscribed = false;
  private endpoint: Endpoint | undefined;

  constructor(
    private readonly settings: RabbitMqSettings,
    private readonly deps: TransportDeps,
  ) {
    const { service, clock } = deps;
    this.publishTimeoutMs = settings.publishTimeoutMs;
    this.topology = new Topology(service, settings.prefix);
    this.publisher = new Publisher({
      clock,
      name: `${service} publish`,
      timeoutMs: settings.publishTimeoutMs,
      exchanges: this.topology.exchanges(),
      queues: [this.topology.receiptQueue()],
      onReady: (ready) => this.endpoint?.onReady(ready),
    });
    this.bundler = new Bundler(this.publisher, clock);
    this.takers = new Takers(clock);
  }

  get ready(): boolean {
    return this.publisher.ready;
  }

  get maxBodyBytes(): number | undefined {
    return this.publisher.maxBodyBytes;
  }

  destination(to: string, type: string): string {
    return this.topology.destination(to, type);
  }

  /** @throws TopologyMismatchError if the broker is up and holds something else under one of our names */
  async start(endpoint: Endpoint): Promise<void> {
    const access = brokerAccess(this.settings, this.deps);
    this.endpoint = endpoint;
    this.consumers = this.consumersFor(endpoint);
    this.publishing = this.keepOpen('publishing', () => this.publisher.open(access));
    this.consuming = this.keepOpen('consuming', () => this.openConsuming(access), {
      passes: (problem, failures) => !this.subscribed && failures <= MAKING_ATTEMPTS && isBeingMade(problem),
    });

    // publishing first: handlers want to answer
    const problems = [await this.publishing.start(), await this.consuming.start(), ...(await this.subscribing)];
    const mismatch = problems.find((problem) => problem instanceof TopologyMismatchError);
    if (!mismatch) return;
    await this.close();
    throw mismatch;
  }

  publish(
    envelope: MessageEnvelope | CancelEnvelope,
    to: string | undefined,
    before?: number,
  ): Promise<PublishOutcome> {
    let outgoing: Outgoing;
    try {
      outgoing = this.address(envelope, to);
    } catch (error) {
      return Promise.resolve({ kind: 'refused', error: errorText(error) });
    }
    return this.bundler.publish(outgoing, this.mostAtOnce(envelope, to), before);
  }

  async quarantined(services: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const counted = new Map<string, number>();
    for (const service of services) {
      const count = await this.publisher.waitingIn(quarantineOf(service));
      if (count !== undefined) counted.set(service, count);
    }
    return counted;
  }

  async stopConsuming(timeoutMs: number): Promise<void> {
    await Promise.all(this.consumers.map((consumer) => consumer.drain(timeoutMs)));
    await this.consuming?.stop();
  }

  async close(): Promise<void> {
    await this.stopConsuming(0);
    await this.publishing?.stop();
  }

  describe(): TransportHealth {
    return {
      connected: this.publisher.connected && this.consumingConnected,
      blocked: this.publisher.blocked,
      inFlight: this.publisher.inFlight,
      consumers: {
        expected: this.consumers.length,
        actual: this.consumers.filter(({ consuming }) => consuming).length,
      },
    };
  }

  private address(envelope: MessageEnvelope | CancelEnvelope, to: string | undefined): Outgoing {
    const wire = this.deps.codec.encode(envelope, to);
    const headers = this.mayBundle(envelope) ? { ...wire.headers, [TAKES_BUNDLES_HEADER]: MAX_MEMBERS } : wire.headers;
    return {
      ...this.topology.route(envelope.kind, wire.type, to),
      body: Buffer.from(wire.body, 'utf8'),
      properties: toProperties({ ...wire, headers }, this.settings.user),
    };
  }

  /** What is asked for again goes alone and is answered alone: so whatever bundles are not understood by is asked for once more. */
  private mayBundle(envelope: MessageEnvelope | CancelEnvelope): envelope is MessageEnvelope {
    const { bundles } = this.settings;
    return bundles && envelope.kind === 'message' && envelope.attempt === 1 && envelope.replyTo !== undefined;
  }

  private mostAtOnce(envelope: MessageEnvelope | CancelEnvelope, to: string | undefined): number {
    return this.mayBundle(envelope) && to !== undefined ? this.takers.most(to, envelope.message.type) : 1;
  }

  private consumersFor(endpoint: Endpoint): Consumer[] {
    const { clock, random } = this.deps;
    const { topology } = this;
    const { publisher, bundler, takers } = this;
    const incoming = new Incoming(endpoint, { publisher, bundler, takers, topology }, this.settings, this.deps);
    const consumer = (queue: Queue, expected: Expected, prefetch: number): Consumer =>
      new Consumer({
        clock,
        random,
        queue,
        tag: consumerTag(endpoint),
        exchanges: topology.exchanges(),
        quarantine: topology.quarantine(),
        prefetch,
        idleMs: this.settings.idleResubscribeMs,
        patienceMs: HANDLER_PATIENCE_MS,
        onMessage: (message, lane) => incoming.onMessage(message, expected, lane),
        onTrouble: (problem) => this.trouble(`queue '${queue.name}'`, problem),
        onLimited: (name) => this.limited(name),
      });
    return [
      ...endpoint.subscriptions.map((subscription) =>
        consumer(
          topology.handlerQueue(subscription),
          expectedAt(subscription, endpoint.subscriptions),
          subscription.concurrency + (subscription.waiting ?? 0),
        ),
      ),
      consumer(topology.cancelQueue(), { kind: 'cancel' }, CANCEL_CONCURRENCY),
      consumer(topology.receiptQueue(), { kind: 'receipt' }, RECEIPT_CONCURRENCY),
    ];
  }

  private async openConsuming(access: BrokerAccess): Promise<Session> {
    const { clock, service } = this.deps;
    const connection = await connect(access, `${service} consume`);
    const over = gone(connection);
    this.consumingConnected = true;
    this.subscribed = false;
    this.subscribing = Promise.all(this.consumers.map((consumer) => consumer.serve(connection)));
    void this.subscribing.then((problems) => (this.subscribed = problems.every((problem) => problem === undefined)));
    return {
      over,
      close: async () => {
        this.consumingConnected = false;
        await Promise.all(this.consumers.map((consumer) => consumer.leave()));
        await closeConnection(connection, clock);
      },
    };
  }

  private keepOpen(
    what: string,
    open: () => Promise<Session>,
    exceptions: Pick<KeepOpenOptions, 'passes'> = {},
  ): KeepOpen {
    const { clock, random } = this.deps;
    return new KeepOpen(open, {
      ...exceptions,
      clock,
      random,
      pauseMs: RECONNECT_PAUSE_MS,
      onTrouble: (problem) => this.trouble(`${what} connection`, problem),
    });
  }

  /** Said once: over AMQP nobody can see whether a policy has lifted the limit. */
  private limited(queue: string): void {
    if (this.limitsSaid.has(queue)) return;
    this.limitsSaid.add(queue);
    this.trouble(
      `queue '${queue}'`,
      'it was declared with a delivery limit, or before the broker was 4.0: a message that comes back too often (20 times by default) is ' +
        `lost. Set a policy, unless you have: rabbitmqctl set_policy --apply-to quorum_queues keep '^${queue.replaceAll('.', '\\.')}$' '{"delivery-limit": -1}'`,
    );
  }

  private trouble(where: string, problem: unknown): void {
    const { monitor } = this.deps;
    const text = problem instanceof Error ? problem.message : String(problem);
    monitor.record({
      event: 'transport.trouble',
      transport: this.name,
      problem: `${where}: ${text}`,
      alarm: needsPerson(problem),
    });
  }
}

/** Two different ones on a queue are two databases behind one service name, which share out its messages. */
function consumerTag({ service, database }: Endpoint): string {
  return database === undefined ? service : `${service} on database ${database}`;
}
