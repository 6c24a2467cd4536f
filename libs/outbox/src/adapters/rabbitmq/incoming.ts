import type { ConsumeMessage } from 'amqplib';
import { type Lane, NotBegunError } from '../../concurrency/lane';
import type { PublishOutcome } from '../../message/delivery';
import type { Codec, Expected } from '../../message/codec';
import {
  type BundleOffer,
  type Envelope,
  malformed,
  type MalformedEnvelope,
  type MessageEnvelope,
  type ReceiptEnvelope,
  untrusted,
} from '../../message/envelope';
import { errorText } from '../../message/receipt';
import type { Clock } from '../../ports/clock';
import type { Monitor } from '../../ports/monitor';
import type { Endpoint, Reaction, TransportDeps } from '../../ports/transport';
import { Appetite } from './appetite';
import { isBundle, MAX_MEMBERS, membersOf, TAKES_BUNDLES_HEADER } from './bundle';
import type { Bundler } from './bundler';
import type { Publisher } from './publisher';
import { isCopyOf, quarantineCopy } from './quarantine';
import { ComesAgainError, Returns } from './returns';
import type { RabbitMqSettings } from './rabbitmq-options';
import { senderProblem } from './sender';
import type { Takers } from './takers';
import type { Topology } from './topology';
import { fromMessage, toProperties } from './wire';

/** How long an answer waits for the publishing connection to come back. Longer would hold up the queue. */
const ANSWER_PATIENCE_MS = 5_000;
/**
 * A member of a bundle that found no place for so long is not begun, and the bundle goes back: the broker must not wait for it
 * until its consumer time-out, however slow a handler has become.
 */
const BUNDLE_PATIENCE_MS = 60_000;

/** What answers are sent through, and where to. */
export interface IncomingParts {
  readonly publisher: Publisher;
  readonly bundler: Bundler;
  readonly takers: Takers;
  readonly topology: Topology;
}

/**
 * What happens to one incoming message: read it → let the endpoint handle it → answer → acknowledge. It decides nothing
 * by itself: the endpoint's {@link Reaction} does. The members of a bundle go the same way, each by itself; the bundle is
 * acknowledged after the last of them.
 */
export class Incoming {
  private readonly codec: Codec;
  private readonly clock: Clock;
  private readonly monitor: Monitor;
  private readonly returns = new Returns();
  /** By type; of requests only. */
  private readonly appetites: ReadonlyMap<string, Appetite>;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly parts: IncomingParts,
    private readonly settings: Pick<RabbitMqSettings, 'user' | 'users' | 'bundles'>,
    { clock, monitor, codec }: Pick<TransportDeps, 'clock' | 'monitor' | 'codec'>,
  ) {
    this.codec = codec;
    this.clock = clock;
    this.monitor = monitor;
    const requests = settings.bundles ? endpoint.subscriptions.filter(({ kind }) => kind === 'request') : [];
    this.appetites = new Map(requests.map(({ type, concurrency }) => [type, new Appetite(concurrency, clock)]));
  }

  /**
   * Resolves when the message may be acknowledged. Rejects if it must come again: its receipt or copy is not safe yet.
   * @param expected what the queue is for
   * @param lane the places of the queue
   */
  async onMessage(message: ConsumeMessage, expected: Expected, lane: Lane): Promise<void> {
    if (!isBundle(message)) return lane.run(() => this.handle(message, expected));
    let members: ConsumeMessage[];
    try {
      members = this.open(message, expected);
    } catch (error) {
      return this.putAside(message, malformed(errorText(error)));
    }
    const patienceEnds = this.clock.monotonic() + BUNDLE_PATIENCE_MS;
    await allOver(
      members.map((member) =>
        lane.run(async () => {
          if (this.clock.monotonic() > patienceEnds) throw new NotBegunError();
          await this.handle(member, expected);
        }),
      ),
    );
  }

  /** @throws Error if it is not to be read */
  private open(bundle: ConsumeMessage, { kind }: Expected): ConsumeMessage[] {
    if (kind !== 'request' && kind !== 'receipt') throw new Error(`a bundle came where a ${kind} was expected`);
    return membersOf(bundle);
  }

  private async handle(message: ConsumeMessage, expected: Expected): Promise<void> {
    const envelope = this.read(message, expected);
    switch (envelope.kind) {
      case 'message':
        return this.execute(message, envelope);
      case 'cancel':
        return this.react(message, await this.endpoint.onEnvelope(envelope));
      case 'receipt':
        return this.apply(message, envelope);
      case 'malformed':
        return this.putAside(message, envelope);
      default:
        return envelope satisfies never;
    }
  }

  private async execute(message: ConsumeMessage, envelope: MessageEnvelope): Promise<void> {
    const { type } = envelope.message;
    const appetite = this.appetites.get(type);
    if (!appetite) return this.react(message, await this.endpoint.onEnvelope(envelope));
    const { result, most } = await appetite.watch(() => this.endpoint.onEnvelope(envelope));
    return this.react(message, result, most === undefined ? undefined : { type, most });
  }

  private async apply(message: ConsumeMessage, envelope: ReceiptEnvelope): Promise<void> {
    if (envelope.bundle) this.parts.takers.note(envelope.receipt.consumer, envelope.bundle);
    const reaction = await this.endpoint.onReceipt(envelope, this.returns.before(message));
    switch (reaction.kind) {
      case 'done':
        return this.returns.forget(message);
      case 'quarantine':
        await this.quarantine(message, reaction.problem);
        return this.returns.forget(message);
      case 'return':
        this.returns.note(message);
        throw new ComesAgainError(reaction.problem, reaction.pauseMs);
      default:
        return reaction satisfies never;
    }
  }

  private read(message: ConsumeMessage, expected: Expected): Envelope | MalformedEnvelope {
    try {
      const { service } = this.endpoint;
      const envelope = this.codec.decode(fromMessage(message), service, expected);
      if (envelope.kind === 'malformed') return envelope;
      const problem = senderProblem(envelope, message.properties, this.settings.users);
      return problem === undefined ? envelope : untrusted(envelope, service, problem);
    } catch (error) {
      return malformed(errorText(error));
    }
  }

  private async react(message: ConsumeMessage, reaction: Reaction, bundle?: BundleOffer): Promise<void> {
    switch (reaction.kind) {
      case 'answer': {
        const { to, receipt, trace } = reaction;
        return this.answer(message, { kind: 'receipt', to, receipt, trace, ...(bundle && { bundle }) });
      }
      case 'silence':
        return;
      case 'quarantine':
        return this.quarantine(message, reaction.problem);
      default:
        return reaction satisfies never;
    }
  }

  /** Never rejects. If the answer could not be sent, the producer asks again (R11), and the inbox replays. */
  private async answer(message: ConsumeMessage, envelope: ReceiptEnvelope): Promise<void> {
    const most = this.settings.bundles && takesBundles(message) ? MAX_MEMBERS : 1;
    const patienceEnds = this.clock.monotonic() + ANSWER_PATIENCE_MS;
    let outcome: PublishOutcome;
    let patienceMs = ANSWER_PATIENCE_MS;
    do {
      await this.parts.publisher.untilReady(patienceMs);
      outcome = await this.sendReceipt(envelope, most);
      patienceMs = patienceEnds - this.clock.monotonic();
      // unknown: the connection went down with it. A second copy does no harm, and saves the producer its waiting.
    } while ((outcome.kind === 'unavailable' || outcome.kind === 'unknown') && patienceMs > 0);
    if (outcome.kind === 'confirmed') return;
    this.monitor.record({ event: 'transport.receipt-not-sent', outcome: outcome.kind });
  }

  private async sendReceipt(envelope: ReceiptEnvelope, most: number): Promise<PublishOutcome> {
    try {
      const { to } = envelope;
      const wire = this.codec.encode(envelope, to);
      const outgoing = {
        exchange: this.parts.topology.receipts,
        routingKey: to,
        body: Buffer.from(wire.body, 'utf8'),
        properties: toProperties(wire, this.settings.user),
      };
      return await this.parts.bundler.publish(outgoing, most);
    } catch (error) {
      return { kind: 'refused', error: errorText(error) };
    }
  }

  private async putAside(message: ConsumeMessage, bad: MalformedEnvelope): Promise<void> {
    await this.quarantine(message, bad.problem);
    this.endpoint.onMalformed(bad);
  }

  /** Rejects unless the copy is safe: nobody else will ever ask for this message again. */
  private async quarantine(message: ConsumeMessage, problem: string): Promise<void> {
    const { publisher, topology } = this.parts;
    const queue = topology.quarantine();
    if (isCopyOf(message, queue)) return;
    await publisher.untilReady(ANSWER_PATIENCE_MS);
    const outcome = await publisher.publish(quarantineCopy(message, queue.binding, problem, this.settings.user));
    if (outcome.kind === 'confirmed') return;
    if (outcome.kind === 'returned') await publisher.declare(queue); // somebody deleted it
    throw new Error(`'${queue.name}' did not take a copy (${outcome.kind}): the message stays in its queue for now`);
  }
}

/** Does whoever sent it read bundles of receipts? At worst a receipt is lost by this, and asked for again, alone (R11). */
function takesBundles({ properties }: ConsumeMessage): boolean {
  return properties.headers?.[TAKES_BUNDLES_HEADER] !== undefined;
}

/**
 * Waits for all, also when one has failed: what comes again must not run beside itself.
 * @throws what one of them failed with; {@link NotBegunError} only if nothing else went wrong
 */
async function allOver(work: readonly Promise<void>[]): Promise<void> {
  const failures = (await Promise.allSettled(work)).flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  if (failures.length > 0) throw failures.find((failure) => !(failure instanceof NotBegunError)) ?? failures[0];
}
