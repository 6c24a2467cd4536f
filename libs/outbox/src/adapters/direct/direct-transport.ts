import type { PublishOutcome } from '../../message/delivery';
import {
  type CancelEnvelope,
  type MessageEnvelope,
  type ReceiptEnvelope,
  type UntrustedWireEnvelope,
} from '../../message/envelope';
import { isVerdict } from '../../message/receipt';
import type { Endpoint, Transport, TransportDeps } from '../../ports/transport';
import type { DirectSettings } from './direct-options';
import { DirectServer } from './direct-server';
import { type CallOutcome, Peer } from './peer';
import type { UntrustedReply } from './replies';

/**
 * Calls the consumer over TCP instead of leaving the envelope with a broker: *the reply is the receipt*. It is applied
 * before `publish` resolves, so a delivery goes from pending to its final state and is never *sent*.
 *
 * There is nobody in between who keeps a message: while the consumer is down, the outbox keeps it. A call without a
 * reply is `unknown` and is repeated; the consumer's inbox recognises the copy.
 */
export class DirectTransport implements Transport {
  readonly name = 'direct';
  readonly publishTimeoutMs: number;
  private readonly peers: ReadonlyMap<string, Peer>;
  private endpoint: Endpoint | undefined;
  private server: DirectServer | undefined;
  private closed = false;
  private wasReady = false;

  constructor(
    private readonly settings: DirectSettings,
    private readonly deps: Pick<TransportDeps, 'clock' | 'random' | 'monitor' | 'codec' | 'maxPayloadBytes'>,
  ) {
    this.publishTimeoutMs = 2 * settings.timeoutMs; // waiting for a place in the window, then the call
    const onChange = (trouble?: string): void => this.noteChange(trouble);
    this.peers = new Map(
      [...settings.peers].map(([service, address]) => [
        service,
        new Peer(service, address, settings, { ...deps, onChange }),
      ]),
    );
  }

  /** While one peer can be called. Without peers too: an announcement that nobody hears needs none. */
  get ready(): boolean {
    if (!this.endpoint || this.closed) return false;
    return this.peers.size === 0 || [...this.peers.values()].some((peer) => peer.reachable);
  }

  destination(to: string, type: string): string {
    return `${to}.${type}`;
  }

  /** Listens. Peers are connected to when they are first called. */
  async start(endpoint: Endpoint): Promise<void> {
    const { listen } = this.settings;
    if (listen) {
      this.server = new DirectServer(listen, this.settings, endpoint, {
        clock: this.deps.clock,
        codec: this.deps.codec,
        maxPayloadBytes: this.deps.maxPayloadBytes,
        onTrouble: (problem) => this.report(problem),
      });
      await this.server.listen();
    }
    this.endpoint = endpoint;
    this.noteChange();
  }

  async publish(envelope: MessageEnvelope | CancelEnvelope, to: string | undefined): Promise<PublishOutcome> {
    if (!this.ready) return { kind: 'unavailable' };
    const outcome =
      to === undefined ? await this.announce(envelope as MessageEnvelope) : await this.request(envelope, to);
    if (outcome.kind !== 'not-sent') return outcome;
    // Not ready: the relay rests until that changes. Ready: only this consumer is the matter, so its row backs off, with
    // the reason, instead of being taken again at once.
    return this.ready ? { kind: 'refused', error: outcome.error } : { kind: 'unavailable' };
  }

  async stopConsuming(timeoutMs: number): Promise<void> {
    await this.server?.stop(timeoutMs);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.noteChange();
    await Promise.all([...[...this.peers.values()].map((peer) => peer.close()), this.server?.close()]);
  }

  private async request(envelope: MessageEnvelope | CancelEnvelope, to: string): Promise<CallOutcome> {
    const peer = this.peers.get(to);
    if (!peer) return { kind: 'refused', error: `no address is known for '${to}': add it to direct({ peers })` };
    return peer.call(this.deps.codec.encode(envelope, to), (reply) =>
      this.accept(peer, reply, async (wire) => {
        const receipt = this.receipt(envelope, peer, wire);
        if (isUnknownType(receipt)) peer.askAnother();
        const reaction = await this.endpoint!.onReceipt(receipt, 0);
        switch (reaction.kind) {
          case 'done':
            return { kind: 'replied' };
          case 'quarantine':
            // Nobody else has it; the row keeps the problem until a person has looked.
            return { kind: 'refused', error: `${peer}: ${reaction.problem}` };
          case 'return':
            return { kind: 'unknown', error: `${peer}: ${reaction.problem}` };
          default:
            return reaction satisfies never;
        }
      }),
    );
  }

  /** *Confirmed* when every listener has answered with a verdict. Those who have will replay it if there is a next time. */
  private async announce(envelope: MessageEnvelope): Promise<CallOutcome> {
    const listeners = this.settings.listeners.get(envelope.message.type) ?? [];
    if (listeners.length === 0) return { kind: 'returned' };
    // There is a caller here to be answered, so listeners need not keep to themselves what they could not handle.
    const asked = { ...envelope, replyTo: this.endpoint!.service };
    const outcomes = await Promise.all(listeners.map((service) => this.askListener(asked, this.peers.get(service)!)));
    const errors = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []));
    if (errors.length === 0) return { kind: 'confirmed' };
    const notSent = outcomes.every((outcome) => outcome.kind === 'not-sent');
    return { kind: notSent ? 'not-sent' : 'unknown', error: errors.join('; ') };
  }

  private askListener(envelope: MessageEnvelope, peer: Peer): Promise<CallOutcome> {
    return peer.call(this.deps.codec.encode(envelope, peer.service), (reply) =>
      this.accept(peer, reply, async (wire) => {
        const found = this.receipt(envelope, peer, wire);
        const { receipt } = found;
        if (isUnknownType(found)) peer.askAnother();
        if (isVerdict(receipt)) return { kind: 'confirmed' };
        const { code, message = '' } = receipt.reason;
        return { kind: 'unknown', error: `${peer}: ${receipt.verdict}, ${code} ${message}` };
      }),
    );
  }

  private async accept(
    peer: Peer,
    reply: UntrustedReply,
    onReceipt: (wire: UntrustedWireEnvelope) => Promise<PublishOutcome>,
  ): Promise<PublishOutcome> {
    switch (reply.kind) {
      case 'receipt':
        return onReceipt(reply.wire);
      case 'silence':
        return { kind: 'unknown', error: `${peer}: another copy of this message is being handled` };
      case 'busy':
        return { kind: 'refused', error: `${peer}: too many calls at once` };
      case 'refused':
        return { kind: 'refused', error: `${peer}: ${reply.problem}` };
      default:
        return reply satisfies never;
    }
  }

  /** @throws Error if the reply is no receipt of this peer for this envelope */
  private receipt(
    envelope: MessageEnvelope | CancelEnvelope,
    peer: Peer,
    wire: UntrustedWireEnvelope,
  ): ReceiptEnvelope {
    const found = this.deps.codec.decode(wire, this.endpoint!.service, { kind: 'receipt' });
    const messageId = envelope.kind === 'cancel' ? envelope.messageId : envelope.message.id;
    if (found.kind === 'malformed') {
      this.endpoint!.onMalformed(found);
      throw new Error(`the reply is malformed: ${found.problem}`);
    }
    if (found.receipt.messageId !== messageId) throw new Error('the reply answers something else');
    if (found.receipt.consumer !== peer.service) throw new Error(`the reply is signed by ${found.receipt.consumer}`);
    return found;
  }

  private noteChange(trouble?: string): void {
    if (trouble !== undefined) this.report(trouble);
    const { ready } = this;
    if (ready === this.wasReady) return;
    this.wasReady = ready;
    this.endpoint?.onReady(ready);
  }

  private report(problem: string): void {
    this.deps.monitor.record({ event: 'transport.trouble', transport: this.name, problem });
  }
}

function isUnknownType({ receipt }: ReceiptEnvelope): boolean {
  return receipt.verdict === 'unprocessable' && receipt.reason.code === 'UNKNOWN_TYPE';
}
