import { readJson } from './json';

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

/** In a rolling deployment the next copy may reach a process that knows the type: so many tries, a few minutes with their back-off. */
const UNKNOWN_TYPE_TRIES = 10;

/** True if trying again may help by itself, so that no person is needed yet. */
export function mayBecomeProcessable(code: string, attempt: number): boolean {
  return code === 'UNKNOWN_TYPE' && attempt < UNKNOWN_TYPE_TRIES;
}

/** Codes of rejections that the library itself stores. */
export const CANCELLED = 'CANCELLED';
export const DEADLINE = 'DEADLINE';
/** Of a message that arrived too late. */
export const PAST_DEADLINE: Reason = { code: DEADLINE, message: 'The deadline had passed when the consumer began.' };

/** Why a producer gives a message up: somebody asked for it, or its deadline passed without an answer. */
export function cancelReason(asked: string | undefined): Reason {
  return asked === undefined
    ? { code: DEADLINE, message: 'The deadline passed before the consumer had answered.' }
    : { code: CANCELLED, message: asked };
}

/** Rejected or accepted, as opposed to "not yet" and "cannot". */
export function isVerdict(receipt: Receipt): receipt is VerdictReceipt {
  return receipt.verdict === 'accepted' || receipt.verdict === 'rejected';
}

/** Longest result, or details of a reason, that travels in a receipt, in characters of JSON. */
const MAX_RECEIPT_PART = 8 * 1024;
/** Longest error text stored with a delivery or sent in a receipt. */
export const MAX_ERROR_TEXT = 2 * 1024;
const MAX_CODE = 255;
/** Stands where a handler rejected without a code that can travel. */
export const UNSPECIFIED = 'UNSPECIFIED';

/** A part of a receipt as its reader will see it, or why it cannot be read. Never throws. */
export function sendablePart(
  value: unknown,
): { readonly value: unknown; readonly problem?: undefined } | { readonly problem: string } {
  let text: string | undefined;
  try {
    text = JSON.stringify(value) as string | undefined;
  } catch {
    return { problem: 'cannot be written as JSON: is it circular, or does it hold a BigInt?' };
  }
  if (text === undefined) return { value: undefined };
  if (text.length > MAX_RECEIPT_PART) return { problem: `is larger than ${MAX_RECEIPT_PART} characters of JSON` };
  try {
    return { value: readJson(text) };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

/**
 * Any reason as one that travels, is stored and can be read again: what cannot is replaced by a stand-in that says so.
 * Never throws, for a rejection must get home, whatever was wrong with its reason.
 * @returns `problem` says what was replaced
 */
export function boundedReason(given: unknown): { readonly reason: Reason; readonly problem?: string } {
  const { code, message, details } = (typeof given === 'object' && given !== null ? given : {}) as Partial<
    Record<keyof Reason, unknown>
  >;
  const codeText = typeof code === 'string' ? clip(storable(code), MAX_CODE) : '';
  const part = sendablePart(details);
  const problems = [
    ...(codeText === '' ? ['the reason is no text, or empty'] : []),
    ...(part.problem === undefined ? [] : [`the details: ${part.problem}`]),
  ];
  const shown = part.problem === undefined ? part.value : { omitted: part.problem };
  const reason: Reason = {
    code: codeText || UNSPECIFIED,
    ...(typeof message === 'string' && { message: clip(storable(message), MAX_ERROR_TEXT) }),
    ...(shown !== undefined && { details: shown }),
  };
  return problems.length === 0 ? { reason } : { reason, problem: problems.join('; ') };
}

/** The error as one line of bounded length, without stack. Never pass payloads through here. Never throws. */
export function errorText(error: unknown): string {
  return clip(storable(described(error)), MAX_ERROR_TEXT);
}

/** Anything can be thrown, also what cannot be made a text. */
function described(error: unknown): string {
  try {
    if (!(error instanceof Error)) return String(error);
    const { name, message } = error;
    return message ? `${String(name)}: ${String(message)}` : String(name);
  } catch {
    return 'something was thrown that cannot be described';
  }
}

/** Without what a column does not hold: NUL, and halves of surrogate pairs. */
function storable(text: string): string {
  return text.replaceAll('\u0000', '').replaceAll(/\p{Surrogate}/gu, '\uFFFD');
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
