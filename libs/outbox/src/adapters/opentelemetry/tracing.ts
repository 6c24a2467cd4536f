import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';
import type { PublishOutcome } from '../../message/delivery';
import {
  CANCEL_TYPE,
  type CancelEnvelope,
  CORRELATION_HEADER,
  type MessageEnvelope,
  type ReceiptEnvelope,
} from '../../message/envelope';
import { traceOf } from '../../message/trace';
import type { BoundFollowUp, FollowUpContext, MessageContext } from '../../ports/handlers';
import type { Creation, Place, Tracing } from '../../ports/tracing';
import type { Reaction, ReceiptReaction } from '../../ports/transport';
import { SCOPE } from './scope';
import * as semconv from './semconv';
import { childOf, headersOf, spanContextOf } from './span-context';

export interface OpenTelemetryTracingOptions {
  /** @default the global one, whenever it is registered */
  provider?: TracerProvider;
}

/** For `OutboxModule.forRoot({ tracing })`: spans by OpenTelemetry. Without an SDK it does next to nothing. */
export function openTelemetryTracing({ provider }: OpenTelemetryTracingOptions = {}): Tracing {
  return new OpenTelemetryTracing((provider ?? trace.getTracerProvider()).getTracer(SCOPE));
}

/**
 * A message's spans are one trace: its creation is in the trace of the request, and what happens to it later, here or
 * elsewhere, is a child of its creation, and links to it, as the conventions ask for. So a trace may end days after its
 * request, as the message does.
 */
class OpenTelemetryTracing implements Tracing {
  /** Of messages in hand, by their headers: handlers run in contexts that are not the message's. */
  private readonly inHand = new WeakMap<object, Context>();

  constructor(private readonly tracer: Tracer) {}

  create(
    { id, type, headers }: { id: string; type: string; headers: Readonly<Record<string, string>> },
    place: Place,
  ): Creation {
    const conversation = headers[CORRELATION_HEADER];
    const attributes = attributesOf('create', place, {
      [semconv.ATTR_TYPE]: type,
      [semconv.ATTR_MESSAGE_ID]: id,
      ...(conversation !== undefined && { [semconv.ATTR_CONVERSATION_ID]: conversation }),
    });
    const span = this.tracer.startSpan(`create ${place.destination}`, { kind: SpanKind.PRODUCER, attributes });
    return {
      trace: headersOf(span),
      end: (error) => {
        if (error !== undefined) fail(span, nameOf(error));
        span.end();
      },
    };
  }

  publish(
    envelope: MessageEnvelope | CancelEnvelope,
    place: Place,
    work: () => Promise<PublishOutcome>,
  ): Promise<PublishOutcome> {
    const span = this.start('publish', SpanKind.CLIENT, place, about(envelope), creationOf(envelope));
    return this.during(span, creationOf(envelope), work, ({ kind }) => {
      span.setAttribute(semconv.ATTR_OUTCOME, kind);
      if (kind !== 'confirmed' && kind !== 'replied') fail(span, kind);
    });
  }

  process(
    envelope: MessageEnvelope | CancelEnvelope,
    place: Place,
    consumer: string,
    work: () => Promise<Reaction>,
  ): Promise<Reaction> {
    const attributes = { ...about(envelope), [semconv.ATTR_CONSUMER_GROUP]: consumer };
    const span = this.start('process', SpanKind.CONSUMER, place, attributes, creationOf(envelope));
    if (envelope.kind === 'message')
      this.inHand.set(envelope.message.headers, trace.setSpan(childOf(creationOf(envelope)), span));
    return this.during(span, creationOf(envelope), work, (reaction) => describe(span, reaction)).then((reaction) => {
      const here = headersOf(span);
      return reaction.kind === 'answer' && here ? { ...reaction, trace: here } : reaction;
    });
  }

  handle(contexts: readonly MessageContext[], work: () => Promise<unknown>): Promise<unknown> {
    const [only, another] = contexts;
    const found = only && !another ? this.inHand.get(only.headers) : undefined;
    return context.with(found ?? ROOT_CONTEXT, work);
  }

  settle(envelope: ReceiptEnvelope, place: Place, work: () => Promise<ReceiptReaction>): Promise<ReceiptReaction> {
    const { messageId, consumer, attempt, verdict } = envelope.receipt;
    const attributes = {
      [semconv.ATTR_MESSAGE_ID]: `${messageId}.${attempt}`,
      [semconv.ATTR_CONVERSATION_ID]: messageId,
      [semconv.ATTR_CONSUMER_GROUP]: consumer,
      [semconv.ATTR_VERDICT]: verdict,
    };
    const parent = spanContextOf(envelope.trace);
    const span = this.start('settle', SpanKind.CONSUMER, place, attributes, parent);
    return this.during(span, parent, work, ({ kind }) => {
      if (kind !== 'done') fail(span, kind);
    });
  }

  followUp(
    { type, verdict }: Pick<BoundFollowUp, 'type' | 'verdict'>,
    { messageId, headers, attempt }: FollowUpContext,
    work: () => Promise<unknown>,
  ): Promise<unknown> {
    const parent = trace.getSpan(context.active())?.spanContext() ?? spanContextOf(traceOf(headers));
    const attributes = {
      [semconv.ATTR_TYPE]: type,
      [semconv.ATTR_VERDICT]: verdict,
      [semconv.ATTR_CONVERSATION_ID]: messageId,
      [semconv.ATTR_ATTEMPT]: attempt,
    };
    const span = this.tracer.startSpan(`${semconv.FOLLOW_UP_NAME[verdict]} ${type}`, { attributes }, childOf(parent));
    return this.during(span, parent, work, () => {});
  }

  private start(
    operation: semconv.Operation,
    kind: SpanKind,
    place: Place,
    more: Attributes,
    parent: SpanContext | undefined,
  ): Span {
    const options = {
      kind,
      attributes: attributesOf(operation, place, more),
      ...(parent && { links: [{ context: parent }] }),
    };
    return this.tracer.startSpan(`${operation} ${place.destination}`, options, childOf(parent));
  }

  /** The span is the current one for whatever happens in `work`, other instrumentations' spans included. */
  private async during<T>(
    span: Span,
    parent: SpanContext | undefined,
    work: () => Promise<T>,
    describe: (result: T) => void,
  ): Promise<T> {
    try {
      const result = await context.with(trace.setSpan(childOf(parent), span), work);
      describe(result);
      return result;
    } catch (error) {
      fail(span, nameOf(error));
      throw error;
    } finally {
      span.end();
    }
  }
}

function attributesOf(operation: semconv.Operation, { system, destination }: Place, more: Attributes): Attributes {
  return {
    [semconv.ATTR_SYSTEM]: system,
    [semconv.ATTR_OPERATION_NAME]: operation,
    [semconv.ATTR_OPERATION_TYPE]: semconv.OPERATION_TYPE[operation],
    [semconv.ATTR_DESTINATION]: destination,
    ...more,
  };
}

function creationOf(envelope: MessageEnvelope | CancelEnvelope): SpanContext | undefined {
  return spanContextOf(envelope.kind === 'cancel' ? envelope.trace : traceOf(envelope.message.headers));
}

function about(envelope: MessageEnvelope | CancelEnvelope): Attributes {
  if (envelope.kind === 'cancel') {
    const { messageId, attempt } = envelope;
    return {
      [semconv.ATTR_TYPE]: CANCEL_TYPE,
      [semconv.ATTR_CONVERSATION_ID]: messageId,
      [semconv.ATTR_ATTEMPT]: attempt,
    };
  }
  const { message, attempt } = envelope;
  const conversation = message.headers[CORRELATION_HEADER];
  return {
    [semconv.ATTR_TYPE]: message.type,
    [semconv.ATTR_MESSAGE_ID]: message.id,
    [semconv.ATTR_ATTEMPT]: attempt,
    ...(conversation !== undefined && { [semconv.ATTR_CONVERSATION_ID]: conversation }),
  };
}

/** A rejection is an answer, not an error. */
function describe(span: Span, reaction: Reaction): void {
  if (reaction.kind === 'quarantine') fail(span, 'quarantine');
  if (reaction.kind !== 'answer') return;
  const { receipt } = reaction;
  span.setAttribute(semconv.ATTR_VERDICT, receipt.verdict);
  if (receipt.verdict === 'accepted') return;
  span.setAttribute(semconv.ATTR_REASON, receipt.reason.code);
  if (receipt.verdict !== 'rejected') fail(span, receipt.verdict, receipt.reason.message);
}

/** Without the error itself: what a driver hangs on it may be values, and nobody knows where spans go. */
function fail(span: Span, type: string, message?: string): void {
  span.setAttribute(semconv.ATTR_ERROR_TYPE, type);
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) });
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
