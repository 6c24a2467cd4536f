import { EVERYBODY, type PublishOutcome } from '../message/delivery';
import { CANCEL_TYPE, type CancelEnvelope, type MessageEnvelope, RECEIPT_TYPE } from '../message/envelope';
import type { BatchHandler, BoundFollowUp, BoundHandler, HandlerRegistry, SingleHandler } from '../ports/handlers';
import type { NewMessage } from '../ports/store';
import type { Creation, Place, Tracing } from '../ports/tracing';
import type { Endpoint, Transport } from '../ports/transport';

/** A transport whose publishes are spans. Only there when somebody traces. */
export class TracedTransport implements Transport {
  readonly name: string;
  readonly publishTimeoutMs: number;

  constructor(
    private readonly transport: Transport,
    private readonly tracing: Tracing,
  ) {
    this.name = transport.name;
    this.publishTimeoutMs = transport.publishTimeoutMs;
  }

  get ready(): boolean {
    return this.transport.ready;
  }

  get maxBodyBytes(): number | undefined {
    return this.transport.maxBodyBytes;
  }

  destination(to: string, type: string): string {
    return this.transport.destination(to, type);
  }

  start(endpoint: Endpoint): Promise<void> {
    return this.transport.start(endpoint);
  }

  publish(
    envelope: MessageEnvelope | CancelEnvelope,
    to: string | undefined,
    before?: number,
  ): Promise<PublishOutcome> {
    const place = placeOf(this.transport, to ?? EVERYBODY, typeOf(envelope));
    return this.tracing.publish(envelope, place, () => this.transport.publish(envelope, to, before));
  }

  async quarantined(services: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return (await this.transport.quarantined?.(services)) ?? new Map();
  }

  stopConsuming(timeoutMs: number): Promise<void> {
    return this.transport.stopConsuming(timeoutMs);
  }

  close(): Promise<void> {
    return this.transport.close();
  }
}

type Arrival = Pick<Endpoint, 'onEnvelope' | 'onReceipt'>;

/** What comes in, handled within spans. */
export function tracedArrival(to: Arrival, transport: Transport, tracing: Tracing, service: string): Arrival {
  return {
    onEnvelope: (envelope) => {
      const isAnnouncement = envelope.kind === 'message' && envelope.replyTo === undefined;
      const place = placeOf(transport, isAnnouncement ? EVERYBODY : service, typeOf(envelope));
      return tracing.process(envelope, place, service, () => to.onEnvelope(envelope));
    },
    onReceipt: (envelope, returns) =>
      tracing.settle(envelope, placeOf(transport, service, RECEIPT_TYPE), () => to.onReceipt(envelope, returns)),
  };
}

/** What is recorded, as the beginning of a trace or as its next step. */
export function tracedCreation(transport: Transport, tracing: Tracing) {
  return (message: Pick<NewMessage, 'id' | 'type' | 'headers' | 'deliveries'>): Creation => {
    const [only, another] = message.deliveries;
    // Several consumers have no place in common.
    const place = placeOf(transport, only!.consumer, message.type);
    return tracing.create(message, another ? { ...place, destination: message.type } : place);
  };
}

function placeOf(transport: Transport, to: string, type: string): Place {
  return { system: transport.name, destination: transport.destination(to, type) };
}

function typeOf(envelope: MessageEnvelope | CancelEnvelope): string {
  return envelope.kind === 'cancel' ? CANCEL_TYPE : envelope.message.type;
}

/** Handlers and follow-ups that run within their spans. The same one for the same question, as a registry promises. */
export function tracedHandlers(handlers: HandlerRegistry, tracing: Tracing): HandlerRegistry {
  const known = new WeakMap<object, BoundHandler | BoundFollowUp>();
  const once = <Bound extends BoundHandler | BoundFollowUp>(bound: Bound, wrap: (bound: Bound) => Bound): Bound => {
    const wrapped = (known.get(bound) as Bound | undefined) ?? wrap(bound);
    known.set(bound, wrapped);
    return wrapped;
  };
  const handler = (bound: BoundHandler): BoundHandler => once(bound, (given) => tracedHandler(given, tracing));
  const followUp = (bound: BoundFollowUp): BoundFollowUp =>
    once(bound, (given) => ({
      ...given,
      run: (message, context) => tracing.followUp(given, context, () => given.run(message, context)),
    }));
  return {
    handler: (type) => mapped(handlers.handler(type), handler),
    handlers: () => handlers.handlers().map(handler),
    followUp: (type, verdict) => mapped(handlers.followUp(type, verdict), followUp),
    followUps: () => handlers.followUps().map(followUp),
  };
}

function tracedHandler(given: BoundHandler, tracing: Tracing): BoundHandler {
  if (given.batch !== undefined) {
    const handle: BatchHandler['handle'] = (messages, contexts) =>
      tracing.handle(contexts, () => given.handle(messages, contexts));
    return { ...given, handle };
  }
  const handle: SingleHandler['handle'] = (message, context) =>
    tracing.handle([context], () => given.handle(message, context));
  return { ...given, handle };
}

function mapped<T>(value: T | undefined, map: (value: T) => T): T | undefined {
  return value === undefined ? undefined : map(value);
}
