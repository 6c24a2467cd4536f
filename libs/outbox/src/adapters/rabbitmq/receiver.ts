import type { ConsumeMessage } from 'amqplib';
import type { PublishOutcome } from '../../message/delivery';
import type { Codec, Expected } from '../../message/codec';
import {
  type Envelope,
  malformed,
  type MalformedEnvelope,
  type ReceiptEnvelope,
  untrusted,
} from '../../message/envelope';
import { errorText, type Receipt } from '../../message/receipt';
import type { Clock } from '../../ports/clock';
import type { Monitor } from '../../ports/monitor';
import type { Endpoint, Reaction, TransportDeps } from '../../ports/transport';
import type { Publisher } from './publisher';
import { isCopyOf, quarantineCopy } from './quarantine';
import { ComesAgainError, Returns } from './returns';
import type { RabbitMqSettings } from './rabbitmq.options';
import { senderProblem } from './sender';
import type { Topology } from './topology';
import { fromMessage, toProperties } from './wire';

/** How long an answer waits for the publishing connection to come back. Longer would hold up the queue. */
const ANSWER_PATIENCE_MS = 5_000;

/**
 * What happens to one incoming message: read it → let the endpoint handle it → answer → acknowledge. It decides nothing
 * by itself: the endpoint's {@link Reaction} does.
 */
export class Receiver {
  private readonly codec: Codec;
  private readonly clock: Clock;
  private readonly monitor: Monitor;
  private readonly returns = new Returns();

  constructor(
    private readonly endpoint: Endpoint,
    private readonly publisher: Publisher,
    private readonly topology: Topology,
    private readonly settings: Pick<RabbitMqSettings, 'user' | 'users'>,
    { clock, monitor, codec }: Pick<TransportDeps, 'clock' | 'monitor' | 'codec'>,
  ) {
    this.codec = codec;
    this.clock = clock;
    this.monitor = monitor;
  }

  /**
   * Resolves when the message may be acknowledged. Rejects if it must come again: its receipt or copy is not safe yet.
   * @param expected what the queue is for
   */
  async onMessage(message: ConsumeMessage, expected: Expected): Promise<void> {
    const envelope = this.read(message, expected);
    switch (envelope.kind) {
      case 'message':
      case 'cancel':
        return this.react(message, await this.endpoint.onEnvelope(envelope));
      case 'receipt':
        return this.apply(message, envelope);
      case 'malformed':
        await this.quarantine(message, envelope.problem);
        return this.endpoint.onMalformed(envelope);
      default:
        return envelope satisfies never;
    }
  }

  private async apply(message: ConsumeMessage, envelope: ReceiptEnvelope): Promise<void> {
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

  private async react(message: ConsumeMessage, reaction: Reaction): Promise<void> {
    switch (reaction.kind) {
      case 'answer':
        return this.answer(reaction.to, reaction.receipt);
      case 'silence':
        return;
      case 'quarantine':
        return this.quarantine(message, reaction.problem);
      default:
        return reaction satisfies never;
    }
  }

  /** Never rejects. If the answer could not be sent, the producer asks again (R11), and the inbox replays. */
  private async answer(to: string, receipt: Receipt): Promise<void> {
    const patienceEnds = this.clock.monotonic() + ANSWER_PATIENCE_MS;
    let outcome: PublishOutcome;
    let patienceMs = ANSWER_PATIENCE_MS;
    do {
      await this.publisher.untilReady(patienceMs);
      outcome = await this.sendReceipt(to, receipt);
      patienceMs = patienceEnds - this.clock.monotonic();
      // unknown: the connection went down with it. A second copy does no harm, and saves the producer its waiting.
    } while ((outcome.kind === 'unavailable' || outcome.kind === 'unknown') && patienceMs > 0);
    if (outcome.kind === 'confirmed') return;
    this.monitor.record({ event: 'transport.receipt-not-sent', outcome: outcome.kind });
  }

  private async sendReceipt(to: string, receipt: Receipt): Promise<PublishOutcome> {
    try {
      const wire = this.codec.encode({ kind: 'receipt', to, receipt }, to);
      return await this.publisher.publish({
        exchange: this.topology.receipts,
        routingKey: to,
        body: Buffer.from(wire.body, 'utf8'),
        properties: toProperties(wire, this.settings.user),
      });
    } catch (error) {
      return { kind: 'refused', error: errorText(error) };
    }
  }

  /** Rejects unless the copy is safe: nobody else will ever ask for this message again. */
  private async quarantine(message: ConsumeMessage, problem: string): Promise<void> {
    const queue = this.topology.quarantine();
    if (isCopyOf(message, queue)) return;
    await this.publisher.untilReady(ANSWER_PATIENCE_MS);
    const outcome = await this.publisher.publish(quarantineCopy(message, queue.binding, problem, this.settings.user));
    if (outcome.kind === 'confirmed') return;
    if (outcome.kind === 'returned') await this.publisher.declare(queue); // somebody deleted it
    throw new Error(`'${queue.name}' did not take a copy (${outcome.kind}): the message stays in its queue for now`);
  }
}
