import type { UntrustedWireEnvelope, WireEnvelope } from '../../message/envelope';

/**
 * The one message pattern of the direct transport. The number changes if a request or reply ever looks different. (It is
 * an object because Nest parses patterns as JSON; with plain text that throws inside, on every call.)
 */
export const PATTERN = { cmd: 'tallystick.envelope.v1' };

/** Largest reply, in characters: 1 Mi. A receipt has at most a few ten thousand; a peer that sends more is no peer. */
export const MAX_REPLY = 1024 * 1024;

/** What a request holds beside its payload: pattern, id, and headers, which are at most a few thousand characters. */
const FRAME_OVERHEAD = 64 * 1024;

/** Most bytes of a request. The payload is JSON inside JSON: at worst each of its bytes is escaped by another. */
export function maxFrameBytes(maxPayloadBytes: number): number {
  return 2 * maxPayloadBytes + FRAME_OVERHEAD;
}

/** What a call carries: a message or a cancel, encoded as everywhere else. */
export interface Request {
  readonly wire: WireEnvelope;
}

/** What comes back. */
export type Reply =
  /** The consumer's receipt, encoded as everywhere else. */
  | { readonly kind: 'receipt'; readonly wire: WireEnvelope }
  /** Another copy of this message is being handled and will answer its own caller. */
  | { readonly kind: 'silence' }
  /** Not taken: too much to do, or about to stop. */
  | { readonly kind: 'busy' }
  /** Not taken, and not because of the moment. */
  | { readonly kind: 'refused'; readonly problem: string };

/** The envelope of a request that somebody sent, or undefined if it has not even the outline of one. */
export function readRequest(data: unknown): UntrustedWireEnvelope | undefined {
  return readWire((data as Partial<Request> | null | undefined)?.wire);
}

export type UntrustedReply =
  { readonly kind: 'receipt'; readonly wire: UntrustedWireEnvelope } | Exclude<Reply, { kind: 'receipt' }>;

/** @throws Error if it is no reply of ours */
export function readReply(data: unknown): UntrustedReply {
  const reply = data as { kind?: unknown; wire?: unknown; problem?: unknown } | null | undefined;
  const wire = readWire(reply?.wire);
  if (reply?.kind === 'receipt' && wire) return { kind: 'receipt', wire };
  if (reply?.kind === 'silence' || reply?.kind === 'busy') return { kind: reply.kind };
  if (reply?.kind === 'refused' && typeof reply.problem === 'string')
    return { kind: 'refused', problem: reply.problem };
  throw new Error('what came back is no reply of a Tallystick service');
}

/** Checks the outline; `decode` checks the rest. */
function readWire(value: unknown): UntrustedWireEnvelope | undefined {
  const wire = value as { headers?: unknown; body?: unknown } | null | undefined;
  const usable = typeof wire?.body === 'string' && typeof wire.headers === 'object';
  return usable ? (wire as UntrustedWireEnvelope) : undefined;
}
