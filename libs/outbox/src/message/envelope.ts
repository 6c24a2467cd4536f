import type { DeliveryKey, RecordedMessage } from './delivery';
import {
  attemptProblem,
  type Field,
  hashProblem,
  headerNameProblem,
  headerValueProblem,
  instantProblem,
  serviceProblem,
  shortTextProblem,
  typeProblem,
  uuidProblem,
} from './fields';
import { looseJson } from './json';
import { readTrace, type TraceContext, traceOf, writeTrace } from './trace';
import { boundedReason, CANCELLED, clip, DEADLINE, type Reason, type Receipt, sendablePart } from './receipt';

/** A message on its way to one consumer (or, as an announcement, to everybody). */
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
  /** What the rejection will say, if there is no verdict yet: CANCELLED with the words of whoever asked, or DEADLINE. */
  readonly reason: Reason;
  /** Of the original. */
  readonly trace?: TraceContext;
}

/** A consumer's answer on its way back. */
export interface ReceiptEnvelope {
  readonly kind: 'receipt';
  /** The producing service. */
  readonly to: string;
  readonly receipt: Receipt;
  /** Of what the consumer did. */
  readonly trace?: TraceContext;
  /** The consumer would rather have several at once. For the transport: a receipt means the same with and without it. */
  readonly bundle?: BundleOffer;
}

/** How many messages of a type a consumer takes in one. */
export interface BundleOffer {
  readonly type: string;
  readonly most: number;
}

export type Envelope = MessageEnvelope | CancelEnvelope | ReceiptEnvelope;

/** Something arrived that is none of ours. Kept for a person, never guessed at. */
export interface MalformedEnvelope {
  readonly kind: 'malformed';
  /** Bounded, and free of what was wrong: a stranger's text does not belong into a log. */
  readonly problem: string;
  /** What it says of itself, as far as that could be read. Nobody has checked it. */
  readonly claims?: { readonly messageId?: string; readonly source?: string };
  /** It is well-formed, but not from whom it claims to be. */
  readonly untrusted?: DeliveryKey;
}

/** Longest text about something malformed. */
const MAX_PROBLEM = 300;

/** Nothing of it is handled; whoever looks into it finds it by what it claims to be. */
export function malformed(problem: string, wire?: UntrustedWireEnvelope): MalformedEnvelope {
  const { cloudEvents_id: id, cloudEvents_source: source } = wire?.headers ?? {};
  const messageId = [id, wire?.correlationId].find((value) => uuidProblem(value) === undefined) as string | undefined;
  const claims = {
    ...(messageId !== undefined && { messageId }),
    ...(serviceProblem(source) === undefined && { source: source as string }),
  };
  return {
    kind: 'malformed',
    problem: clip(problem, MAX_PROBLEM),
    ...(Object.keys(claims).length > 0 && { claims }),
  };
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
        more: traceHeaders(envelope.trace),
        body: JSON.stringify({ reason: envelope.reason }),
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
        more: traceHeaders(envelope.trace),
        body: receiptBody(envelope),
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
    return malformed(error instanceof Error ? error.message : String(error), wire);
  }
}

function traceHeaders(trace: TraceContext | undefined): Record<string, string | number> {
  const headers = {};
  writeTrace(headers, trace);
  return headers;
}

function messageHeaders(
  { headers, key }: RecordedMessage,
  deadlineAt: string | undefined,
): Record<string, string | number> {
  // Not a spread: V8 takes 8 µs to add fields to an object that was made by one, and 0.1 to what `assign` has filled.
  const more: Record<string, string | number> = Object.assign({}, headers);
  writeTrace(more, traceOf(headers));
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
  /** A fresh object, which becomes the headers. */
  more: Record<string, string | number>;
  body: string;
}

function wire(parts: Parts): WireEnvelope {
  const { id, type, source, time, attempt, correlationId, replyTo, more: headers, body } = parts;
  // One by one: to spread `more` into a second object took longer than all the rest, for V8 copies such an object key by key.
  headers.cloudEvents_specversion = '1.0';
  headers.cloudEvents_id = id;
  headers.cloudEvents_type = type;
  headers.cloudEvents_source = source;
  headers.cloudEvents_time = time;
  headers.cloudEvents_attempt = attempt;
  if (correlationId !== undefined) headers[CORRELATION_HEADER] = correlationId;
  const timestamp = Math.floor(Date.parse(time) / 1000);
  return { messageId: id, type, appId: source, correlationId, replyTo, timestamp, headers, body };
}

/** @throws Error that names the field and what is wrong with it */
function checked<T>(name: string, value: unknown, problem: Field): T {
  const found = problem(value);
  if (found !== undefined) throw new Error(`${name} ${found}`);
  return value as T;
}

function optional<T>(name: string, value: unknown, problem: Field): T | undefined {
  return value === undefined || value === null ? undefined : checked<T>(name, value, problem);
}

function read(wire: UntrustedWireEnvelope, to: string): Envelope {
  const headers = wire.headers ?? {};
  if (headers.cloudEvents_specversion !== '1.0') throw new Error('header cloudEvents_specversion is not 1.0');
  const source = checked<string>('source', headers.cloudEvents_source, serviceProblem);
  const recordedAt = checked<string>('time', headers.cloudEvents_time, instantProblem);
  const attempt = checked<number>('header cloudEvents_attempt', headers.cloudEvents_attempt, attemptProblem);
  const replyTo = optional<string>('reply_to', wire.replyTo, serviceProblem);

  if (headers.cloudEvents_type === RECEIPT_TYPE) {
    const about = headers[CORRELATION_HEADER] ?? wire.correlationId;
    const messageId = checked<string>('correlation_id', about, uuidProblem).toLowerCase();
    const body = receiptObject(wire.body);
    const receipt = readReceipt(body, messageId, attempt);
    if (receipt.consumer !== source) throw new Error(`a receipt of ${receipt.consumer} came from ${source}`);
    const bundle = readOffer(body.bundle);
    const trace = readTrace(headers);
    return { kind: 'receipt', to, receipt, ...(bundle && { bundle }), ...(trace && { trace }) };
  }
  const id = checked<string>('id', headers.cloudEvents_id, uuidProblem).toLowerCase();
  if (headers.cloudEvents_type === CANCEL_TYPE) {
    const asker = checked<string>('reply_to', replyTo, serviceProblem);
    const trace = readTrace(headers);
    const wish = { messageId: id, source, recordedAt, attempt, replyTo: asker, reason: readWish(wire.body) };
    return { kind: 'cancel', ...wish, ...(trace && { trace }) };
  }
  return {
    kind: 'message',
    message: {
      id,
      type: checked('type', headers.cloudEvents_type, typeProblem),
      source,
      key: optional('subject', headers.cloudEvents_subject, shortTextProblem),
      payload: wire.body,
      headers: boundedHeaders(headers),
      recordedAt,
    },
    attempt,
    deadlineAt: optional('expirytime', headers.cloudEvents_expirytime, instantProblem),
    replyTo,
  };
}

/** More than any writer of ours sends; handlers record them with what they add. */
const MAX_HANDED_BYTES = 16 * 1024;

function boundedHeaders(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const handed = Object.assign(handedHeaders(headers), readTrace(headers));
  for (const name of [CORRELATION_HEADER, CAUSATION_HEADER]) optional(name, handed[name], shortTextProblem);
  let bytes = 0;
  for (const [name, value] of Object.entries(handed)) bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  if (bytes > MAX_HANDED_BYTES) throw new Error(`the headers take ${bytes} bytes, at most ${MAX_HANDED_BYTES} may`);
  return handed;
}

/** What a handler may see: the user's own headers, correlation and trace context; text only. */
export function handedHeaders(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const kept = [CORRELATION_HEADER, CAUSATION_HEADER];
  const entries = Object.entries(headers).filter(
    ([name, value]) =>
      headerValueProblem(value) === undefined &&
      headerNameProblem(name) === undefined &&
      (kept.includes(name) || !isReservedHeader(name)),
  );
  return Object.fromEntries(entries) as Record<string, string>;
}

/** The wish counts, and comes again until it is answered: what cannot be used of its reason is left out. */
function readWish(body: string): Reason {
  const { reason } = (looseJson(body) ?? {}) as { reason?: unknown };
  const { code, message } = boundedReason(reason).reason;
  return { code: code === DEADLINE ? DEADLINE : CANCELLED, ...(message !== undefined && { message }) };
}

/** The JSON of a receipt. Parts that cannot travel are replaced, never cut in the middle: the verdict gets home. */
function receiptBody({ receipt, bundle }: ReceiptEnvelope): string {
  const { messageId: _, ...body } = receipt;
  if ('reason' in body) body.reason = boundedReason(body.reason).reason;
  if ('result' in body) {
    const part = sendablePart(body.result);
    if (part.problem === undefined) body.result = part.value;
    else delete body.result;
  }
  return JSON.stringify(bundle ? { ...body, bundle } : body);
}

function receiptObject(body: string): Record<string, unknown> {
  const value = looseJson(body) as Record<string, unknown> | null;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('the receipt is no object');
  return value;
}

/** What cannot be an offer is none: the receipt counts all the same. */
function readOffer(value: unknown): BundleOffer | undefined {
  const { type, most } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (typeProblem(type) !== undefined || !Number.isSafeInteger(most) || (most as number) < 2) return undefined;
  return { type: type as string, most: most as number };
}

/**
 * The verdict counts; reason and result are extras. If they hold what must not be read, the answer is read without them:
 * its sender would send the same again, and again.
 */
function readReceipt(value: Record<string, unknown>, messageId: string, attempt: number): Receipt {
  const consumer = checked<string>('consumer of the receipt', value.consumer, serviceProblem);
  const recordedAt = checked<string>('recordedAt of the receipt', value.recordedAt, instantProblem);
  const payloadHash = optional<string>('payloadHash of the receipt', value.payloadHash, hashProblem);
  const answer = { messageId, consumer, attempt, recordedAt, ...(payloadHash !== undefined && { payloadHash }) };
  switch (value.verdict) {
    case 'accepted': {
      // Nothing is accepted unseen.
      const about = checked<string>('payloadHash of the receipt', payloadHash, hashProblem);
      const result = sendablePart(value.result);
      return {
        ...answer,
        verdict: 'accepted',
        payloadHash: about,
        ...(result.problem === undefined && result.value !== undefined && { result: result.value }),
      };
    }
    case 'rejected':
    case 'unprocessable':
      return { ...answer, verdict: value.verdict, reason: boundedReason(value.reason).reason };
    case 'deferred': {
      const { retryAfterMs } = value;
      return {
        ...answer,
        verdict: 'deferred',
        reason: boundedReason(value.reason).reason,
        ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 && { retryAfterMs }),
      };
    }
    default:
      throw new Error('the receipt has no known verdict');
  }
}

/** `message → consumer`, for maps and logs. */
export function keyText({ messageId, consumer }: DeliveryKey): string {
  return `${messageId} → ${consumer}`;
}
