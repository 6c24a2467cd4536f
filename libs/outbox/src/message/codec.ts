import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  type CancelEnvelope,
  decode,
  encode,
  type Envelope,
  handedHeaders,
  malformed,
  type MalformedEnvelope,
  type MessageEnvelope,
  type ReceiptEnvelope,
  untrusted,
  type UntrustedWireEnvelope,
  type WireEnvelope,
} from './envelope';

/** Turns envelopes into what a transport carries, and back. A transport uses nothing else to do so. */
export interface Codec {
  /** @param to the service that it is for; undefined for an announcement to whoever listens */
  encode(envelope: Envelope, to: string | undefined): WireEnvelope;
  /**
   * Trusts nothing; never throws.
   * @param to the service that received it
   * @param expected what may come this way; anything else is malformed
   */
  decode<Way extends keyof Brought>(
    wire: UntrustedWireEnvelope,
    to: string,
    expected: Expected<Way>,
  ): Brought[Way] | MalformedEnvelope;
}

/** The ways in: a handler's queue (two kinds), the library's own queues, and a call of the direct transport; what each brings. */
export interface Brought {
  request: MessageEnvelope;
  announcement: MessageEnvelope;
  cancel: CancelEnvelope;
  receipt: ReceiptEnvelope;
  call: MessageEnvelope | CancelEnvelope;
}

/**
 * What the way by which an envelope came may bring. It is never left to the envelope what it is: whoever may write
 * receipts must not be able to order with them, nor whoever may order to give verdicts.
 */
export interface Expected<Way extends keyof Brought = keyof Brought> {
  readonly kind: Way;
  /** Of a handler's queue: the types that have a queue of their own here, and so must not come by this one. */
  readonly elsewhere?: readonly string[];
}

/**
 * What the queue of a handler may bring: messages of its type, and of types that nobody handles here. Those run nothing
 * and are answered so, as after a deployment was rolled back; in the quarantine their producer would never hear of it.
 */
export function expectedAt(
  queue: { readonly kind: 'request' | 'announcement'; readonly type: string },
  all: readonly { readonly type: string }[],
): Expected {
  return { kind: queue.kind, elsewhere: all.map(({ type }) => type).filter((type) => type !== queue.type) };
}

/** Without signatures: whoever may publish to the broker is believed. */
export const PLAIN: Codec = {
  encode,
  decode: (wire, to, expected) => only(wire, decode(wire, to), expected),
};

/** What was expected, or why it is not that. */
function only<Way extends keyof Brought>(
  wire: UntrustedWireEnvelope,
  envelope: Envelope | MalformedEnvelope,
  { kind, elsewhere = [] }: Expected<Way>,
): Brought[Way] | MalformedEnvelope {
  if (envelope.kind === 'malformed') return envelope;
  const problem = surprise(envelope, kind, elsewhere);
  return problem === undefined ? (envelope as Brought[Way]) : malformed(problem, wire);
}

function surprise(envelope: Envelope, way: keyof Brought, elsewhere: readonly string[]): string | undefined {
  if (way === 'call') return envelope.kind === 'receipt' ? 'it is a receipt, which travels as a reply' : undefined;
  const isMessage = way === 'request' || way === 'announcement';
  if (envelope.kind !== (isMessage ? 'message' : way)) return `it is a ${envelope.kind}, where a ${way} was expected`;
  if (envelope.kind !== 'message') return undefined;
  const { type } = envelope.message;
  if (elsewhere.includes(type)) return `it came by the queue of another type than its own, '${type}'`;
  if (way === 'request' && envelope.replyTo === undefined)
    return 'it is a request and does not say who wants the receipt';
  if (way === 'announcement' && envelope.replyTo !== undefined) return 'it is an announcement and asks for a receipt';
  return undefined;
}

/** Keys shared by the services of a system. Rotate: add the new key everywhere, sign with it, take the old one away. */
export interface SigningKeys {
  /** The id of the key to sign with. */
  readonly sign: string;
  /** Every key that is accepted, by id. Secrets of at least 32 bytes. */
  readonly keys: Readonly<Record<string, string>>;
}

export const SIGNATURE_HEADER = 'outbox_signature';

/**
 * Signs everything with HMAC-SHA-256 (RFC 2104), and takes nothing that is not signed. The signature covers who says what
 * to whom: a receipt for one message says nothing about another, one for one service nothing to another, and a copy of
 * a message cannot be given another deadline or content. A replay is no more than a copy: the inbox answers it from its
 * row, and a receipt applied twice changes nothing (R5, R6).
 */
export function signedCodec({ sign, keys }: SigningKeys): Codec {
  return {
    encode(envelope, to) {
      const wire = encode(envelope);
      const signature = `${sign}.${mac(keys[sign]!, wire, to).toString('base64url')}`;
      return { ...wire, headers: { ...wire.headers, [SIGNATURE_HEADER]: signature } };
    },
    decode(wire, to, expected) {
      const envelope = PLAIN.decode(wire, to, expected);
      if (envelope.kind === 'malformed') return envelope;
      const problem = problemWith(keys, wire, expected.kind === 'announcement' ? undefined : to);
      return problem === undefined ? envelope : untrusted(envelope, to, problem);
    },
  };
}

function problemWith(
  keys: SigningKeys['keys'],
  wire: UntrustedWireEnvelope,
  to: string | undefined,
): string | undefined {
  const given = wire.headers?.[SIGNATURE_HEADER];
  if (typeof given !== 'string') return 'it is not signed';
  const dot = given.lastIndexOf('.');
  const keyId = given.slice(0, dot);
  if (!Object.hasOwn(keys, keyId)) return 'it is signed with a key that is not accepted';
  const signature = Buffer.from(given.slice(dot + 1), 'base64url');
  const expected = mac(keys[keyId]!, wire, to);
  return signature.length === expected.length && timingSafeEqual(signature, expected)
    ? undefined
    : 'its signature is wrong';
}

/** Every attribute that anything is decided by; beside them whatever a handler gets to see. */
const SIGNED = ['id', 'type', 'source', 'time', 'attempt', 'correlationid', 'expirytime', 'subject'];
/** Tracing agents write these into what others publish, after it was signed. */
const TRACING = ['traceparent', 'tracestate', 'baggage'];

function mac(secret: string, { headers = {}, replyTo, body }: UntrustedWireEnvelope, to: string | undefined): Buffer {
  const attributes = SIGNED.map((name) => headers[`cloudEvents_${name}`]).map((value) =>
    typeof value === 'string' || typeof value === 'number' ? value : null,
  );
  const handed = Object.entries(handedHeaders(headers))
    .filter(([name]) => !TRACING.includes(name))
    .sort(([one], [other]) => (one < other ? -1 : 1));
  // JSON, so that no two different lists of fields are the same bytes.
  return createHmac('sha256', secret)
    .update(JSON.stringify(['tallystick-2', ...attributes, replyTo ?? null, to ?? null, handed, body]))
    .digest();
}
