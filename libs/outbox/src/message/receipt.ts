/** The consumer's final answer. It is stored in the inbox, never changes, and is replayed to every duplicate. */
export type Verdict = 'accepted' | 'rejected';

/** Why a message was rejected, put off or not understood. Small, JSON, free of secrets: it travels and is stored. */
export interface Reason {
  /** Stable and machine-readable, e.g. `OUT_OF_STOCK`. */
  code: string;
  /** A sentence for people. */
  message?: string;
  /** JSON for the producer's compensation. */
  details?: unknown;
}

interface Answer {
  messageId: string;
  /** The service that answers. */
  consumer: string;
  /** The attempt this answers, echoed from the envelope. */
  attempt: number;
  /** When the consumer's database recorded it; ISO 8601. */
  recordedAt: string;
  /**
   * What it is an answer to: SHA-256 over type and body, in hex. A verdict's is that of the message which was judged;
   * undefined if none was seen: a cancel came first.
   */
  payloadHash?: string;
}

/** A verdict on its way back. */
export type VerdictReceipt = Answer &
  ({ verdict: 'accepted'; payloadHash: string; result?: unknown } | { verdict: 'rejected'; reason: Reason });
/** "Not yet": the consumer failed for a technical reason and left no trace. No verdict (R12). */
export type DeferredReceipt = Answer & { verdict: 'deferred'; reason: Reason; retryAfterMs?: number };
/** "I cannot process this": unknown type, invalid payload, expired, … No verdict; a person must look. */
export type UnprocessableReceipt = Answer & { verdict: 'unprocessable'; reason: Reason };

/** What a consumer says about one message. Only `accepted` and `rejected` are verdicts. */
export type Receipt = VerdictReceipt | DeferredReceipt | UnprocessableReceipt;

/** Codes of *unprocessable* receipts. */
export type UnprocessableCode = 'UNKNOWN_TYPE' | 'INVALID_PAYLOAD' | 'ID_COLLISION' | 'EXPIRED' | 'CLOCK';

/** Codes of rejections that the library itself stores. */
export const CANCELLED = 'CANCELLED';
export const DEADLINE = 'DEADLINE';

/** Rejected or accepted, as opposed to "not yet" and "cannot". */
export function isVerdict(receipt: Receipt): receipt is VerdictReceipt {
  return receipt.verdict === 'accepted' || receipt.verdict === 'rejected';
}

/** Longest reason or result that travels in a receipt, in characters of JSON. */
export const MAX_RECEIPT_PART = 8 * 1024;
/** Longest error text stored with a delivery or sent in a receipt. */
export const MAX_ERROR_TEXT = 2 * 1024;

/** The error as one line of bounded length, without stack. Never pass payloads through here. */
export function errorText(error: unknown): string {
  const text =
    error instanceof Error ? (error.message ? `${error.name}: ${error.message}` : error.name) : String(error);
  return clip(text.replaceAll('\u0000', ''), MAX_ERROR_TEXT);
}

/** At most `limit` UTF-8 bytes, cut at a character. */
export function clip(text: string, limit: number): string {
  const bytes = Buffer.from(text, 'utf8');
  return bytes.length <= limit
    ? text
    : `${bytes
        .subarray(0, limit - 3)
        .toString('utf8')
        .replace(/\uFFFD$/, '')}…`;
}
