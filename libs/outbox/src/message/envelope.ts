import type { DeliveryKey, RecordedMessage } from './delivery';
import { readJson } from './json';
import { clip, MAX_ERROR_TEXT, MAX_RECEIPT_PART, type Reason, type Receipt } from './receipt';

/** A message on its way to one receiver (or, as an announcement, to everybody). */
export interface MessageEnvelope {
  readonly kind: 'message';
  readonly message: RecordedMessage;
  readonly attempt: number;
  /** ISO 8601. A consumer that starts after it stores *rejected (DEADLINE)*. */
  readonly deadlineAt: string | undefined;
  /** The service that wants the receipt; undefined for announcements. */
  readonly replyTo: string | undefined;
}

/** The producer asks the consumer to give a message up (R8). Needs neither payload nor handler. */
export interface CancelEnvelope {
  readonly kind: 'cancel';
  readonly messageId: string;
  /** The service that recorded the message. */
  readonly source: string;
  /** When the *original* was recorded: the horizon is measured from it (R9). ISO 8601. */
  readonly recordedAt: string;
  readonly attempt: number;
  readonly replyTo: string;
}

/** A consumer's answer on its way back. */
export interface ReceiptEnvelope {
  readonly kind: 'receipt';
  /** The producing service. */
  readonly to: string;
  readonly receipt: Receipt;
}

export type Envelope = MessageEnvelope | CancelEnvelope | ReceiptEnvelope;

/** Something arrived that is none of ours. Kept for a person, never guessed at. */
export interface MalformedEnvelope {
  readonly kind: 'malformed';
  readonly problem: string;
  /** It is well-formed, but not from whom it claims to be. */
  readonly untrusted?: DeliveryKey;
}

/** An envelope that is not from whom it claims to be. @param to the service that received it */
export function untrusted(envelope: Envelope, to: string, problem: string): MalformedEnvelope {
  return { kind: 'malformed', problem: `UNTRUSTED: ${problem}`, untrusted: keyOf(envelope, to) };
}

function keyOf(envelope: Envelope, to: string): DeliveryKey {
  switch (envelope.kind) {
    case 'message':
      return { messageId: envelope.message.id, consumer: to };
    case 'cancel':
      return { messageId: envelope.messageId, consumer: to };
    case 'receipt':
      return { messageId: envelope.receipt.messageId, consumer: envelope.receipt.consumer };
    default:
      return envelope satisfies never;
  }
}

/** An envelope as a transport carries it: basic properties, flat headers, body text. */
export interface WireEnvelope {
  readonly messageId: string;
  readonly type: string;
  readonly appId: string;
  readonly correlationId: string | undefined;
  readonly replyTo: string | undefined;
  /** Seconds since the epoch, as AMQP has it. */
  readonly timestamp: number | undefined;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string;
}

/** What is read back: every field may be missing or of another type, for it comes from outside. */
export type UntrustedWireEnvelope = {
  readonly [field in 'messageId' | 'type' | 'appId' | 'correlationId' | 'replyTo' | 'timestamp']?: unknown;
} & { readonly headers?: Readonly<Record<string, unknown>> | undefined; readonly body: string };

export const RECEIPT_TYPE = 'outbox.receipt';
export const CANCEL_TYPE = 'outbox.cancel';
/** CloudEvents 1.0, AMQP protocol binding, binary mode. */
const CE = 'cloudEvents_';

/** The header that carries the W3C trace context, beside its CloudEvents twin. */
export const TRACEPARENT = 'traceparent';
export const CORRELATION_HEADER = 'cloudEvents_correlationid';
export const CAUSATION_HEADER = 'cloudEvents_causationid';

/** True for header names the library or the broker owns (RabbitMQ routes by CC and BCC): a user may not set them, and they are not shown to handlers. */
export function isReservedHeader(name: string): boolean {
  return name.startsWith(CE) || name.startsWith('outbox_') || /^(x-.*|b?cc)$/i.test(name);
}

export function encode(envelope: Envelope): WireEnvelope {
  switch (envelope.kind) {
    case 'message': {
      const { message, attempt, deadlineAt, replyTo } = envelope;
      return wire({
        id: message.id,
        type: message.type,
        source: message.source,
        time: message.recordedAt,
        correlationId: message.headers[CORRELATION_HEADER],
        replyTo,
        attempt,
        more: messageHeaders(message, deadlineAt),
        body: message.payload,
      });
    }
    case 'cancel':
      return wire({
        id: envelope.messageId,
        type: CANCEL_TYPE,
        source: envelope.source,
        time: envelope.recordedAt,
        correlationId: envelope.messageId,
        replyTo: envelope.replyTo,
        attempt: envelope.attempt,
        more: {},
        body: '{}',
      });
    case 'receipt': {
      const { messageId, consumer, attempt, recordedAt } = envelope.receipt;
      return wire({
        // One receipt per message, consumer and attempt: a stable id makes copies recognisable to any tool.
        id: `${messageId}.${attempt}`,
        type: RECEIPT_TYPE,
        source: consumer,
        time: recordedAt,
        correlationId: messageId,
        replyTo: undefined,
        attempt,
        more: {},
        body: receiptBody(envelope.receipt),
      });
    }
    default:
      return envelope satisfies never;
  }
}

/** Reads what a transport brought. Trusts nothing; never throws. `to` is the service that received it. */
export function decode(wire: UntrustedWireEnvelope, to: string): Envelope | MalformedEnvelope {
  try {
    return read(wire, to);
  } catch (error) {
    return { kind: 'malformed', problem: error instanceof Error ? error.message : String(error) };
  }
}

function messageHeaders({ headers, key }: RecordedMessage, deadlineAt: string | undefined): Record<string, string> {
  const more: Record<string, string> = { ...headers };
  if (headers[TRACEPARENT]) more.cloudEvents_traceparent = headers[TRACEPARENT];
  if (key !== undefined) more.cloudEvents_subject = key;
  if (deadlineAt !== undefined) more.cloudEvents_expirytime = deadlineAt;
  return more;
}

interface Parts {
  id: string;
  type: string;
  source: string;
  time: string;
  correlationId: string | undefined;
  replyTo: string | undefined;
  attempt: number;
  more: Record<string, string>;
  body: string;
}

function wire(parts: Parts): WireEnvelope {
  const { id, type, source, time, attempt, correlationId, replyTo, more, body } = parts;
  const headers: Record<string, string | number> = {
    ...more,
    cloudEvents_specversion: '1.0',
    cloudEvents_id: id,
    cloudEvents_type: type,
    cloudEvents_source: source,
    cloudEvents_time: time,
    cloudEvents_attempt: attempt,
  };
  if (correlationId !== undefined) headers[CORRELATION_HEADER] = correlationId;
  const timestamp = Math.floor(Date.parse(time) / 1000);
  return { messageId: id, type, appId: source, correlationId, replyTo, timestamp, headers, body };
}

const SHA_256 = /^[0-9a-f]{64}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})$/;

function read(wire: UntrustedWireEnvelope, to: string): Envelope {
  const headers = wire.headers ?? {};
  const text = (name: string, value: unknown): string => {
    if (typeof value !== 'string' || value === '' || value.length > 255)
      throw new Error(`${name} is missing or no short text`);
    return value;
  };
  const optional = (name: string, value: unknown): string | undefined =>
    value === undefined || value === null ? undefined : text(name, value);
  const instant = (name: string, value: unknown): string => {
    const found = text(name, value);
    if (!INSTANT.test(found) || Number.isNaN(Date.parse(found))) throw new Error(`${name} is no RFC 3339 time`);
    return found;
  };
  const uuid = (name: string, value: unknown): string => {
    const found = text(name, value);
    if (!UUID.test(found)) throw new Error(`${name} is no UUID`);
    return found.toLowerCase();
  };

  if (headers.cloudEvents_specversion !== '1.0') throw new Error(`header cloudEvents_specversion is not 1.0`);
  const type = text('type', headers.cloudEvents_type);
  const source = text('source', headers.cloudEvents_source);
  const time = instant('time', headers.cloudEvents_time);
  const attempt = headers.cloudEvents_attempt;
  if (!Number.isSafeInteger(attempt) || (attempt as number) < 0)
    throw new Error('header cloudEvents_attempt is no whole number');
  const replyTo = optional('reply_to', wire.replyTo);

  if (type === RECEIPT_TYPE) {
    const messageId = uuid('correlation_id', headers[CORRELATION_HEADER] ?? wire.correlationId);
    const receipt = readReceipt(wire.body, messageId, attempt as number);
    if (receipt.consumer !== source) throw new Error(`a receipt of ${receipt.consumer} came from ${source}`);
    return { kind: 'receipt', to, receipt };
  }
  const id = uuid('id', headers.cloudEvents_id);
  if (type === CANCEL_TYPE) {
    return {
      kind: 'cancel',
      messageId: id,
      source,
      recordedAt: time,
      attempt: attempt as number,
      replyTo: text('reply_to', replyTo),
    };
  }
  const deadlineAt = headers.cloudEvents_expirytime;
  return {
    kind: 'message',
    message: {
      id,
      type,
      source,
      key: optional('subject', headers.cloudEvents_subject),
      payload: wire.body,
      headers: handedHeaders(headers),
      recordedAt: time,
    },
    attempt: attempt as number,
    deadlineAt: deadlineAt === undefined ? undefined : instant('expirytime', deadlineAt),
    replyTo,
  };
}

/** What a handler may see: the user's own headers, correlation and trace context; text only. */
export function handedHeaders(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const kept = [CORRELATION_HEADER, CAUSATION_HEADER];
  const entries = Object.entries(headers).filter(
    ([name, value]) => typeof value === 'string' && (kept.includes(name) || !isReservedHeader(name)),
  );
  return Object.fromEntries(entries) as Record<string, string>;
}

/** The JSON of a receipt, as §4 has it. Parts that are too large are replaced, never cut in the middle. */
function receiptBody(receipt: Receipt): string {
  const { messageId: _, ...body } = receipt;
  if ('reason' in body && body.reason) body.reason = boundedReason(body.reason);
  if ('result' in body && JSON.stringify(body.result ?? null).length > MAX_RECEIPT_PART) delete body.result;
  return JSON.stringify(body);
}

/** The reason in its bounds: texts clipped, oversized details left out and said so. */
export function boundedReason(reason: Reason): Reason {
  const details =
    reason.details === undefined || JSON.stringify(reason.details).length <= MAX_RECEIPT_PART
      ? reason.details
      : { omitted: `larger than ${MAX_RECEIPT_PART} characters` };
  return {
    code: clip(reason.code, 255),
    ...(reason.message !== undefined && { message: clip(reason.message, MAX_ERROR_TEXT) }),
    ...(details !== undefined && { details }),
  };
}

function readReceipt(body: string, messageId: string, attempt: number): Receipt {
  const value = readJson(body) as Record<string, unknown> | null;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('the receipt is no object');
  const { verdict, consumer, recordedAt, payloadHash, reason, result, retryAfterMs } = value;
  if (typeof consumer !== 'string' || typeof recordedAt !== 'string' || Number.isNaN(Date.parse(recordedAt))) {
    throw new Error('the receipt lacks consumer or recordedAt');
  }
  const about = payloadHash === undefined ? undefined : readHash(payloadHash);
  const answer = { messageId, consumer, attempt, recordedAt, ...(about !== undefined && { payloadHash: about }) };
  switch (verdict) {
    case 'accepted':
      // Nothing is accepted unseen.
      return { ...answer, verdict, payloadHash: readHash(payloadHash), ...(result !== undefined && { result }) };
    case 'rejected':
    case 'unprocessable':
      return { ...answer, verdict, reason: readReason(reason) };
    case 'deferred':
      return {
        ...answer,
        verdict,
        reason: readReason(reason),
        ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 && { retryAfterMs }),
      };
    default:
      throw new Error('the receipt has no known verdict');
  }
}

function readHash(value: unknown): string {
  if (typeof value !== 'string' || !SHA_256.test(value))
    throw new Error('the receipt does not say to what content it is');
  return value;
}

function readReason(value: unknown): Reason {
  const reason = value as Partial<Reason> | null | undefined;
  if (typeof reason?.code !== 'string' || reason.code === '') throw new Error('the receipt lacks a reason code');
  return boundedReason({
    code: reason.code,
    ...(typeof reason.message === 'string' && { message: reason.message }),
    ...(reason.details !== undefined && { details: reason.details }),
  });
}

/** `message → consumer`, for maps and logs. */
export function keyText({ messageId, consumer }: DeliveryKey): string {
  return `${messageId} → ${consumer}`;
}
