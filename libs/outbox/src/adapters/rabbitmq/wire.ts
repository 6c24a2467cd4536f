import { isUtf8 } from 'node:buffer';
import type { ConsumeMessage, Options } from 'amqplib';
import type { UntrustedWireEnvelope, WireEnvelope } from '../../message/envelope';

/** One publish: where to, which bytes, which properties. */
export interface Outgoing {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly properties: Options.Publish;
}

export const ATTEMPT_HEADER = 'cloudEvents_attempt';

/** Basic properties mirror the CloudEvents headers, so that any AMQP client can read them. */
export function toProperties(wire: WireEnvelope, user: string | undefined): Options.Publish {
  return {
    messageId: wire.messageId,
    type: wire.type,
    appId: wire.appId,
    correlationId: wire.correlationId,
    replyTo: wire.replyTo,
    timestamp: isTimestamp(wire.timestamp) ? wire.timestamp : undefined,
    contentType: 'application/json',
    persistent: true,
    userId: user,
    headers: wire.headers,
  };
}

/** @throws Error if the body is no text; what is wrong with the rest, `decode` says */
export function fromMessage({ properties, content }: ConsumeMessage): UntrustedWireEnvelope {
  // A body that is decoded with replacement characters would no longer be the text that was hashed and stored.
  if (!isUtf8(content)) throw new Error('the body is no UTF-8 text');
  return {
    messageId: properties.messageId,
    type: properties.type,
    appId: properties.appId,
    correlationId: properties.correlationId,
    replyTo: properties.replyTo,
    timestamp: properties.timestamp,
    headers: properties.headers,
    body: content.toString('utf8'),
  };
}

/** All headers together, encoded. The broker ends the *connection* at about 128 KiB, amqplib throws at 64. */
export const MAX_HEADER_BYTES = 32 * 1024;
const MAX_SHORT_STRING_BYTES = 255;
const SHORT_STRINGS = ['messageId', 'type', 'appId', 'correlationId', 'replyTo', 'userId'] as const;
/** RabbitMQ takes these headers for further routing keys. */
export const ROUTING_HEADERS = ['CC', 'BCC'];

/**
 * What the broker or amqplib would not survive about this publish, if anything. Asked before every publish, because
 * afterwards it is too late: an envelope that ends the connection takes everything else in flight with it, again and
 * again, for its row stays due.
 */
export function publishProblem(
  { exchange, routingKey, properties, body }: Outgoing,
  maxBodyBytes = Infinity,
): string | undefined {
  if (body.length > maxBodyBytes)
    return `the body takes ${body.length} bytes, the broker takes at most ${maxBodyBytes}`;
  if (isTooLong(exchange)) return tooLong('exchange');
  if (isTooLong(routingKey)) return tooLong('routingKey');
  for (const name of SHORT_STRINGS) {
    const value = properties[name];
    if (value !== undefined && isTooLong(value)) return tooLong(name);
  }
  if (properties.timestamp !== undefined && !isTimestamp(properties.timestamp))
    return 'timestamp is no whole number of seconds since 1970';
  const headers = (properties.headers ?? {}) as Record<string, unknown>;
  let total = 0;
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (ROUTING_HEADERS.includes(name)) return `a header may not be named '${name}': the broker would route by it`;
    const nameBytes = Buffer.byteLength(name);
    if (nameBytes > MAX_SHORT_STRING_BYTES) return tooLong('a header name');
    if (typeof value !== 'string' && !Number.isFinite(value))
      return `header '${name}' is neither text nor a finite number`;
    total += nameBytes + Buffer.byteLength(String(value)) + 16; // 16: more than any length and type mark takes
  }
  return total > MAX_HEADER_BYTES ? `the headers take ${total} bytes, at most ${MAX_HEADER_BYTES} may` : undefined;
}

/** AMQP has 64 bits without a sign; amqplib throws at anything else, half way through the frame. */
function isTimestamp(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTooLong(text: string): boolean {
  return Buffer.byteLength(text) > MAX_SHORT_STRING_BYTES;
}

function tooLong(name: string): string {
  return `${name} is longer than ${MAX_SHORT_STRING_BYTES} bytes`;
}
