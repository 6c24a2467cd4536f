import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  CANCEL_TYPE,
  decode,
  encode,
  type Envelope,
  type MalformedEnvelope,
  RECEIPT_TYPE,
  untrusted,
  type UntrustedWireEnvelope,
  type WireEnvelope,
} from './envelope';

/** Turns envelopes into what a transport carries, and back. A transport uses nothing else to do so. */
export interface Codec {
  /** @param to the receiving service; undefined for an announcement */
  encode(envelope: Envelope, to: string | undefined): WireEnvelope;
  /** Trusts nothing; never throws. @param to the service that received it */
  decode(wire: UntrustedWireEnvelope, to: string): Envelope | MalformedEnvelope;
}

/** Without signatures: whoever may publish to the broker is believed. */
export const PLAIN: Codec = { encode, decode };

/** Keys shared by the services of a system. Rotate: add the new key everywhere, sign with it, take the old one away. */
export interface SigningKeys {
  /** The id of the key to sign with. */
  readonly sign: string;
  /** Every key that is accepted, by id. Secrets of at least 32 bytes. */
  readonly keys: Readonly<Record<string, string>>;
}

export const SIGNATURE_HEADER = 'outbox_signature';
/** What decides about money: a forged receipt refunds or completes, a forged cancel stops an order. */
const SIGNED_TYPES: readonly unknown[] = [RECEIPT_TYPE, CANCEL_TYPE];

/**
 * Signs receipts and cancels with HMAC-SHA-256 (RFC 2104), and takes none that is not signed. The signature covers who
 * says what about which message, to whom, and the body: a receipt for one message says nothing about another, and one
 * for one service nothing to another. A replayed receipt is still a receipt; applying it twice changes nothing (R6).
 */
export function signedCodec({ sign, keys }: SigningKeys): Codec {
  return {
    encode(envelope, to) {
      const wire = encode(envelope);
      if (!SIGNED_TYPES.includes(wire.type)) return wire;
      const signature = `${sign}.${mac(keys[sign]!, wire, to).toString('base64url')}`;
      return { ...wire, headers: { ...wire.headers, [SIGNATURE_HEADER]: signature } };
    },
    decode(wire, to) {
      const envelope = decode(wire, to);
      if (envelope.kind !== 'receipt' && envelope.kind !== 'cancel') return envelope;
      const problem = problemWith(keys, wire, to);
      return problem === undefined ? envelope : untrusted(envelope, to, problem);
    },
  };
}

function problemWith(keys: SigningKeys['keys'], wire: UntrustedWireEnvelope, to: string): string | undefined {
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

function mac(secret: string, { headers = {}, body }: UntrustedWireEnvelope, to: string | undefined): Buffer {
  const signed = ['id', 'type', 'source', 'time', 'attempt', 'correlationid'].map(
    (name) => headers[`cloudEvents_${name}`] ?? null,
  );
  // JSON, so that no two different lists of fields are the same bytes.
  return createHmac('sha256', secret)
    .update(JSON.stringify(['tallystick-1', ...signed, to ?? null, body]))
    .digest();
}
